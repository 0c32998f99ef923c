import { Injectable } from '@nestjs/common';
import { Clock } from '../../kernel/clock.js';
import { UpstreamProber } from './upstream-prober.js';
import type { Upstream } from './upstream.js';

/** A list is taken as it is for so long, then read anew while the old one is still given. */
const FRESH_MS = 60_000;
/** How long an upstream without an answer is left alone. */
const RETRY_AFTER_MS = 10_000;
/** Whoever asks for the first list waits for it no longer than this. */
const TIMEOUT_MS = 2_000;

interface Listing {
  fingerprint: string;
  models: readonly string[];
  freshUntil: number;
}

/** The models that upstreams say they have, kept for a while. */
@Injectable()
export class UpstreamModels {
  private readonly listings = new Map<number, Listing>();
  private readonly readings = new Map<string, Promise<Listing>>();

  constructor(
    private readonly prober: UpstreamProber,
    private readonly clock: Clock,
  ) {}

  /** Ids of its models; empty when it does not say, or cannot be reached. */
  async of(upstream: Upstream): Promise<readonly string[]> {
    const known = this.listings.get(upstream.seq);
    // Another URL or key is another server, whose models these are not.
    if (known?.fingerprint !== upstream.fingerprint) return (await this.read(upstream, [])).models;
    if (known.freshUntil <= this.clock.now()) void this.read(upstream, known.models);
    return known.models;
  }

  /** Never rejects. However many ask, the upstream is asked once. */
  private read(upstream: Upstream, before: readonly string[]): Promise<Listing> {
    const key = `${upstream.seq}:${upstream.fingerprint}`;
    let reading = this.readings.get(key);
    if (!reading) {
      reading = this.probe(upstream, before).finally(() => this.readings.delete(key));
      this.readings.set(key, reading);
    }
    return reading;
  }

  /** An upstream that does not answer for once keeps the models it had. */
  private async probe(upstream: Upstream, before: readonly string[]): Promise<Listing> {
    const { models } = await this.prober.probe(upstream, TIMEOUT_MS);
    const freshUntil = this.clock.now() + (models === null ? RETRY_AFTER_MS : FRESH_MS);
    const listing = { fingerprint: upstream.fingerprint, models: models ?? before, freshUntil };
    this.listings.set(upstream.seq, listing);
    return listing;
  }
}
