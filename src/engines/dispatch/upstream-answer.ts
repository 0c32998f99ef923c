import { parseRetryAfter } from '../../kernel/retry-after.js';

/** What an upstream said: any HTTP answer, whole. */
export interface UpstreamAnswer {
  status: number;
  contentType: string;
  /** The upstream's own id of the request, or null. */
  requestId: string | null;
  /** How long it asked us to wait, in ms, or null. */
  retryAfterMs: number | null;
  body: string;
}

/**
 * Why there is no answer.
 *
 * - `no_body`: the request could not be made, because the input blob could not be read
 * - `no_storage`: the request could not be made, because what holds the input, store or blobs, cannot be reached just now
 * - `no_endpoint`: the request could not be made, because nothing says where to, or what says it is no path
 * - `unreachable`: nothing was sent: refused, no such host, no connection in time, or the breaker is open
 * - `broken`: the request was sent and the connection failed
 * - `timeout`: the request was sent and the answer did not come, or stopped coming, in time
 * - `too_large`: the answer was larger than allowed
 * - `aborted`: we gave it up ourselves
 */
export type FailureKind =
  'no_body' | 'no_storage' | 'no_endpoint' | 'unreachable' | 'broken' | 'timeout' | 'too_large' | 'aborted';

export class UpstreamFailure extends Error {
  constructor(
    readonly kind: FailureKind,
    message: string,
    cause?: unknown,
  ) {
    super(message, { cause });
    this.name = 'UpstreamFailure';
  }
}

/** Reads `Retry-After` (seconds or an HTTP date) and OpenAI's `retry-after-ms`. */
export function retryAfterMsOf(headers: Record<string, string | string[] | undefined>, now: number): number | null {
  const exact = Number(headers['retry-after-ms']);
  if (headers['retry-after-ms'] !== undefined && exact >= 0) return exact;
  return parseRetryAfter(headers['retry-after'], now);
}
