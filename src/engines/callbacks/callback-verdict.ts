/** What a try to deliver means: done, once more later, or never again. */
import type { CallbackAnswer } from './callback-client.js';

/** What came of a try. Only of an answer is it known that the receiver has got the callback. */
export type Outcome =
  { kind: 'answer'; answer: CallbackAnswer } | { kind: 'no_answer' | 'not_sent' | 'nothing_to_send'; error: string };

export interface CallbackVerdict {
  state: 'delivered' | 'waiting' | 'dead';
  /** The next try; null when there is none. */
  availableAt: number | null;
  /** Why it does not count as delivered; null when it does. */
  error: string | null;
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** The wait after each try: a receiver that is down over a weekend still gets its callbacks. 2.8 days in all. */
export const WAITS_MS: readonly number[] = [
  5 * SECOND,
  30 * SECOND,
  2 * MINUTE,
  10 * MINUTE,
  30 * MINUTE,
  2 * HOUR,
  5 * HOUR,
  8 * HOUR,
  12 * HOUR,
  16 * HOUR,
  24 * HOUR,
];
export const MAX_TRIES = WAITS_MS.length + 1;
/** Waits differ by this much up and down, so that what failed together does not come back together. */
export const JITTER = 0.2;
const LONGEST_RETRY_AFTER_MS = 24 * HOUR;

/** The receiver wants no more of it. */
const GONE = 410;
/** Whoever says one of these may also say when to come back. */
const BUSY = new Set([429, 503]);

/** `tries` are those before this one. */
export function judgeDelivery(outcome: Outcome, tries: number, now: number, random = Math.random()): CallbackVerdict {
  const answer = outcome.kind === 'answer' ? outcome.answer : null;
  if (answer !== null && answer.status >= 200 && answer.status < 300) {
    return { state: 'delivered', availableAt: null, error: null };
  }
  const error = outcome.kind === 'answer' ? describeStatus(outcome.answer.status) : outcome.error;
  const waitMs = WAITS_MS[tries];
  if (waitMs === undefined || answer?.status === GONE || outcome.kind === 'nothing_to_send') {
    return { state: 'dead', availableAt: null, error };
  }
  const ownWaitMs = Math.round(waitMs * (1 - JITTER + 2 * JITTER * random));
  return { state: 'waiting', availableAt: now + Math.max(ownWaitMs, askedWaitMs(answer)), error };
}

function askedWaitMs(answer: CallbackAnswer | null): number {
  if (answer === null || !BUSY.has(answer.status)) return 0;
  return Math.min(answer.retryAfterMs ?? 0, LONGEST_RETRY_AFTER_MS);
}

function describeStatus(status: number): string {
  if (status === GONE) return 'the receiver wants no more of it (status 410)';
  if (status >= 300 && status < 400) return `the receiver sent us elsewhere (status ${status}), and we do not follow`;
  return `the receiver answered with status ${status}`;
}
