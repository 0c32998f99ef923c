/**
 * Calls upstreams: connections are kept alive, and every call has an end. Silence is bounded by undici's own timers, the
 * whole call by a sweep over what is in flight, which costs nothing per call.
 */
import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import type { Readable } from 'node:stream';
import { Agent } from 'undici';
import { AppConfig } from '../../config/app-config.js';
import { Clock } from '../../kernel/clock.js';
import { SlotList } from '../../kernel/slot-list.js';
import type { Upstream } from '../../modules/upstreams/upstream.js';
import type { EventStreamReader } from './event-stream-reader.js';
import { UpstreamExchange } from './upstream-exchange.js';
import { UpstreamFailure, type UpstreamAnswer } from './upstream-answer.js';

export interface UpstreamRequest {
  upstream: Upstream;
  /** As in a batch line, e.g. `/v1/chat/completions`. */
  endpoint: string;
  /** JSON, as it is to be sent. */
  body: Buffer | Readable;
  bodyLength: number;
  /** Set when a stream of events is to be passed on as it comes. */
  reader: EventStreamReader | null;
}

/** A call under way. */
export interface UpstreamCall {
  /** Resolves with any HTTP answer; rejects with an UpstreamFailure. */
  readonly answer: Promise<UpstreamAnswer>;
  abort(reason: string): void;
}

const SWEEP_MS = 1000;
const CONNECT_TIMEOUT_MS = 10_000;

@Injectable()
export class UpstreamClient implements OnApplicationShutdown {
  private readonly agent: Agent;
  private readonly inFlight = new SlotList<UpstreamExchange>();
  private readonly sweeper: NodeJS.Timeout;
  private readonly now = () => this.clock.now();
  private readonly forget = (exchange: UpstreamExchange) => this.inFlight.remove(exchange);

  constructor(
    private readonly config: AppConfig,
    private readonly clock: Clock,
  ) {
    this.agent = new Agent({
      connect: { timeout: CONNECT_TIMEOUT_MS },
      headersTimeout: config.times.idleTimeoutMs,
      bodyTimeout: config.times.idleTimeoutMs,
      // How many calls there may be at a time is the permits' business.
      connections: null,
      pipelining: 1,
    });
    this.sweeper = setInterval(() => this.endOverdue(), SWEEP_MS);
    this.sweeper.unref();
  }

  post({ upstream, endpoint, body, bodyLength, reader }: UpstreamRequest): UpstreamCall {
    const deadline = this.clock.now() + this.config.times.requestTimeoutMs;
    const exchange = new UpstreamExchange(this.config.limits.maxResultBytes, deadline, this.now, this.forget, reader);
    const { origin, path } = locate(upstream.baseUrl, endpoint);
    this.inFlight.add(exchange);
    const headers = headersOf(upstream, bodyLength, reader === null ? JSON_TYPE : STREAM_TYPES);
    this.agent.dispatch({ origin, path, method: 'POST', headers, body }, exchange);
    return {
      answer: exchange.answer,
      abort: (reason) => exchange.abort(new UpstreamFailure('aborted', reason)),
    };
  }

  async onApplicationShutdown(): Promise<void> {
    clearInterval(this.sweeper);
    await this.agent.destroy();
  }

  private endOverdue(): void {
    const now = this.clock.now();
    for (const exchange of this.inFlight) {
      if (exchange.deadline <= now) exchange.abort(new UpstreamFailure('timeout', 'Request timed out.'));
    }
  }
}

const located = new Map<string, { origin: string; path: string }>();
const MAX_LOCATED = 1000;

/** A line's `/v1/x` goes to the base URL, which normally ends in `/v1`, plus `/x`. */
export function locate(baseUrl: string, endpoint: string): { origin: string; path: string } {
  const key = `${baseUrl} ${endpoint}`;
  let place = located.get(key);
  if (!place) {
    const base = new URL(baseUrl);
    const path = base.pathname.replace(/\/+$/, '') + endpoint.replace(/^\/v1(?=\/)/, '');
    place = { origin: base.origin, path };
    if (located.size >= MAX_LOCATED) located.clear();
    located.set(key, place);
  }
  return place;
}

const JSON_TYPE = 'application/json';
const STREAM_TYPES = 'text/event-stream, application/json';

function headersOf(upstream: Upstream, bodyLength: number, accept: string): string[] {
  const headers = ['content-type', JSON_TYPE, 'accept', accept, 'content-length', String(bodyLength)];
  if (upstream.key !== null) headers.push('authorization', `Bearer ${upstream.key}`);
  return headers;
}
