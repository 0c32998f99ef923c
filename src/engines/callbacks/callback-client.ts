/**
 * Sends callbacks. Any HTTP answer is an answer, redirects too: they are never followed. Bodies are read no further than
 * need be and never unpacked, and no call lasts longer than its deadline.
 */
import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { Agent, request } from 'undici';
import { VERSION } from '../../config/version.js';
import { Clock } from '../../kernel/clock.js';
import { parseRetryAfter } from '../../kernel/retry-after.js';
import { CallbackTargets } from '../../modules/callbacks/callback-targets.js';
import { guardedConnector, TargetRefused } from './guarded-connector.js';
import { HostResolver } from './host-resolver.js';

export interface CallbackRequest {
  url: string;
  headers: Readonly<Record<string, string>>;
  /** JSON. */
  body: string;
}

export interface CallbackAnswer {
  status: number;
  /** How long the receiver asked us to wait, in ms, or null. */
  retryAfterMs: number | null;
  /** The beginning of the body. */
  text: string;
}

/** From the start, name resolution included, to the last byte that is read. */
export const DEADLINE_MS = 30_000;
/** More is not read, so the connection cannot be used again. */
const MAX_READ_BYTES = 64 * 1024;
const MAX_KEPT_BYTES = 1024;
/** Idle connections are closed after this; receivers are many and each seldom called. */
const KEEP_ALIVE_MS = 4_000;

@Injectable()
export class CallbackClient implements OnApplicationShutdown {
  private readonly agent: Agent;

  constructor(
    targets: CallbackTargets,
    resolver: HostResolver,
    private readonly clock: Clock,
  ) {
    this.agent = new Agent({
      connect: guardedConnector(targets, resolver),
      // How many calls there may be at a time is the engine's business.
      connections: null,
      pipelining: 1,
      keepAliveTimeout: KEEP_ALIVE_MS,
      keepAliveMaxTimeout: KEEP_ALIVE_MS,
    });
  }

  /** Rejects with an error whose message says why there is no answer. `signal` gives the call up. */
  async post(
    { url, headers, body }: CallbackRequest,
    signal: AbortSignal,
    deadlineMs = DEADLINE_MS,
  ): Promise<CallbackAnswer> {
    try {
      const answer = await request(url, {
        dispatcher: this.agent,
        method: 'POST',
        headers: { 'content-type': 'application/json', 'user-agent': `millrace/${VERSION}`, ...headers },
        body,
        signal: AbortSignal.any([signal, AbortSignal.timeout(deadlineMs)]),
      });
      return {
        status: answer.statusCode,
        retryAfterMs: parseRetryAfter(answer.headers['retry-after'], this.clock.now()),
        text: await beginningOf(answer.body),
      };
    } catch (error) {
      throw new Error(describe(error, deadlineMs), { cause: error });
    }
  }

  async onApplicationShutdown(): Promise<void> {
    await this.agent.destroy();
  }
}

/** What the answer was is known by now: a body that breaks off, or does not end in time, does not change it. */
async function beginningOf(body: AsyncIterable<Buffer>): Promise<string> {
  const kept: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of body) {
      if (bytes < MAX_KEPT_BYTES) kept.push(chunk.subarray(0, MAX_KEPT_BYTES - bytes));
      bytes += chunk.length;
      if (bytes >= MAX_READ_BYTES) break; // which closes the connection
    }
  } catch {
    // Said above.
  }
  return Buffer.concat(kept).toString('utf8');
}

function describe(error: unknown, deadlineMs: number): string {
  if (error instanceof TargetRefused) return `not sent: ${error.message}`;
  if (!(error instanceof Error)) return 'the call failed';
  if (error.name === 'TimeoutError') return `no answer within ${deadlineMs / 1000} s`;
  const isCoded = 'code' in error && typeof error.code === 'string';
  return `the receiver could not be reached (${isCoded ? String(error.code) : error.message})`;
}
