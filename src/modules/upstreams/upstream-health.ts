import { Injectable } from '@nestjs/common';
import type { Upstream } from './upstream.js';

/** How an upstream does, as whoever calls it sees it. */
export interface UpstreamCondition {
  /** Calls that it gets at a time at present: its configured concurrency, or less after it said "too many". */
  allowed: number;
  /** Since when it has given no useful answer, and what came instead; null while it does. */
  broken: { since: number; reason: string } | null;
}

/** Where dispatchers of this process tell how their upstreams do; asked for by those who explain why tasks wait. */
@Injectable()
export class UpstreamHealth {
  private readonly sources = new Map<number, { fingerprint: string; look: () => UpstreamCondition }>();

  /** `look` is asked each time, so that telling costs a dispatcher nothing. Replaces what was told of it before. */
  tell({ seq, fingerprint }: Upstream, look: () => UpstreamCondition): void {
    this.sources.set(seq, { fingerprint, look });
  }

  /** Null when nobody here has called it yet as it is set up now. */
  of({ seq, fingerprint }: Upstream): UpstreamCondition | null {
    const source = this.sources.get(seq);
    return source?.fingerprint === fingerprint ? source.look() : null;
  }
}
