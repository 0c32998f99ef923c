/** A task of its own, no line of a batch, as those who run it need to know it. */
import type { Queue } from '../../modules/queues/queue.js';
import { OUTLIVES_WAIT_MS } from '../../modules/tasks/outlives-wait.js';
import type { StoredTask } from '../../store/single-task.store.js';

export type SingleTask = Pick<
  StoredTask,
  'mode' | 'type' | 'endpoint' | 'expiresAt' | 'callbackUrl' | 'bodyBlobKey' | 'traceId' | 'enqueuedAt'
> & { id: string };

/**
 * For a queue that says nothing of retries, when a caller is on the line: once more, which makes good a connection that was
 * dying when it was used. He can try again himself, and should not wait through long pauses before he hears of an error.
 */
const TRIES_WHEN_WAITED_FOR = 2;
/**
 * A try whose caller has less time than this when it is to begin is as good as too late: the sweep that makes it ready may come
 * a quarter of a second after it, and even an upstream that refuses at once takes a moment.
 */
const LEAST_TIME_MS = 250;

/** Tries of a task of this queue; null for as many as the server's configuration says. */
export function maxTriesOf({ retry }: Pick<Queue, 'retry'>, single: SingleTask | null): number | null {
  return retry.maxTries ?? (single !== null && isWaitedFor(single) ? TRIES_WHEN_WAITED_FOR : null);
}

function isWaitedFor({ mode }: Pick<SingleTask, 'mode'>): boolean {
  return mode !== 'callback';
}

export function isStreaming({ mode }: Pick<SingleTask, 'mode'>): boolean {
  return mode === 'streaming';
}

/**
 * How long another try of it may take to begin; for ever when nothing was said. While a caller is on the line his wait counts,
 * and not how long his task would still be there.
 */
export function timeLeftOf({ mode, expiresAt }: Pick<SingleTask, 'mode' | 'expiresAt'>, now: number): number {
  if (expiresAt === null) return Number.POSITIVE_INFINITY;
  const left = expiresAt - now;
  return isWaitedFor({ mode }) ? left - OUTLIVES_WAIT_MS - LEAST_TIME_MS : left;
}
