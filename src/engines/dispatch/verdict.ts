/**
 * What an answer, or the lack of one, means for a task. Pure. A try is an answer of the model, or an attempt that failed
 * after its request was sent; the upstream's pace (429, 503, not reachable) is none, and only the end of the task's time ends that.
 */
import { backoffMs, type BackoffPolicy } from '../../kernel/backoff.js';
import type { UpstreamAnswer, UpstreamFailure } from './upstream-answer.js';

export type Verdict =
  /** Record the answer, whatever its status. `json` is its parsed body. */
  | { kind: 'record'; json: unknown }
  /** Try again after a while; this was a try. */
  | { kind: 'retry'; afterMs: number; statusCode: number | null; detail: string }
  /** Not now: back to its place, and the upstream gets a rest. */
  | { kind: 'pace'; retryAfterMs: number | null; statusCode: number | null }
  /** Back to its place; the breaker has seen to the rest. */
  | { kind: 'unreachable' }
  /** No answer that could be recorded will come. */
  | { kind: 'give_up'; code: string; message: string }
  /** We ended the call ourselves. */
  | { kind: 'aborted' };

/** Busy, says the upstream: too many requests, unavailable, and the "overloaded" of some providers. */
const PACE = new Set([429, 503, 529]);
/** Answers below 500 that another try may better. */
const RETRYABLE = new Set([408]);

/** How long an upstream, or the task of a handler, rests when the inputs of tasks cannot be reached. */
export const STORAGE_PAUSE_MS = 5_000;

export interface Tries {
  /** Before this one. */
  tries: number;
  maxTries: number;
  /** How long to wait between tries. */
  backoff: BackoffPolicy;
}

/** Busy, whatever becomes of the task. */
export function isBusy({ status }: Pick<UpstreamAnswer, 'status'>): boolean {
  return PACE.has(status);
}

/** `tries`: null when another one would begin too late. One who cannot wait for it had better have this answer now. */
export function judgeAnswer(answer: UpstreamAnswer, tries: Tries | null): Verdict {
  const { status } = answer;
  if (isBusy(answer) && tries !== null) {
    return { kind: 'pace', retryAfterMs: answer.retryAfterMs, statusCode: status };
  }
  if (status >= 500 || RETRYABLE.has(status)) {
    const retry = anotherTry(tries, answer.retryAfterMs, status, `HTTP ${status}`);
    if (retry) return retry;
  }
  const json = parse(answer.body);
  if (status >= 400) return { kind: 'record', json };
  if (status < 300 && isObject(json)) return { kind: 'record', json };
  const message = `The upstream answered with status ${status} and ${describe(answer, json)} instead of a JSON object.`;
  const retry = anotherTry(tries, answer.retryAfterMs, status, message);
  return retry ?? { kind: 'give_up', code: 'invalid_upstream_response', message };
}

const GIVE_UP_CODE = {
  no_body: 'input_unreadable',
  no_endpoint: 'invalid_endpoint',
  broken: 'upstream_connection_failed',
  timeout: 'request_timeout',
  too_large: 'response_too_large',
} as const;

/** `tries`: as for an answer. */
export function judgeFailure(failure: UpstreamFailure, tries: Tries | null): Verdict {
  if (failure.kind === 'aborted') return { kind: 'aborted' };
  if (failure.kind === 'unreachable') return { kind: 'unreachable' };
  // Nothing was sent, and the next task would fare no better: all wait until the storage is back.
  if (failure.kind === 'no_storage') return { kind: 'pace', retryAfterMs: STORAGE_PAUSE_MS, statusCode: null };
  // The next answer would be as large, and the endpoint stays what it is.
  const isHopeless = failure.kind === 'too_large' || failure.kind === 'no_endpoint';
  const retry = isHopeless ? null : anotherTry(tries, null, null, failure.message);
  return retry ?? { kind: 'give_up', code: GIVE_UP_CODE[failure.kind], message: failure.message };
}

/** Null when this try was the last. */
function anotherTry(
  tries: Tries | null,
  retryAfterMs: number | null,
  statusCode: number | null,
  detail: string,
): Verdict | null {
  if (tries === null || tries.tries + 1 >= tries.maxTries) return null;
  const afterMs = Math.max(retryAfterMs ?? 0, backoffMs(tries.tries + 1, tries.backoff));
  return { kind: 'retry', afterMs, statusCode, detail };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // that it does not parse is the answer
  }
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function describe(answer: UpstreamAnswer, json: unknown): string {
  if (answer.body === '') return 'an empty body';
  if (json === undefined) return `a body that is not JSON (${answer.contentType || 'no content type'})`;
  return 'other JSON';
}
