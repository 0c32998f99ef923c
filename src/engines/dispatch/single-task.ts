/** A task of its own, no line of a batch, as those who run it need to know it. */
import type { Queue } from '../../modules/queues/queue.js';
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

/** Tries of a task of this queue; null for as many as the server's configuration says. */
export function maxTriesOf({ retry }: Pick<Queue, 'retry'>, single: SingleTask | null): number | null {
  return retry.maxTries ?? (single !== null && isWaitedFor(single) ? TRIES_WHEN_WAITED_FOR : null);
}

function isWaitedFor({ mode }: SingleTask): boolean {
  return mode !== 'callback';
}

export function isStreaming({ mode }: Pick<SingleTask, 'mode'>): boolean {
  return mode === 'streaming';
}

/** How long it still has; for ever when nothing was said. */
export function timeLeftOf({ expiresAt }: Pick<SingleTask, 'expiresAt'>, now: number): number {
  return expiresAt === null ? Number.POSITIVE_INFINITY : expiresAt - now;
}
