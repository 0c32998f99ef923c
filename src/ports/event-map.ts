import type { ProgressEvent } from '../kernel/progress-event.js';
import type { UpstreamCondition } from '../kernel/upstream-condition.js';

/** What saves a look at the store, from who knows it. */
export interface EndHints {
  /** The task's row. */
  seq?: number;
  /** The number of its last event. */
  lastN?: number;
}

/** The only list of topics. Events are hints: a lost one costs at most a second, never work. */
export interface EventMap {
  /** A batch wants validating, or goes on with it. */
  'batch.ingest': { batchSeq: number };
  /** A batch has stopped and wants its result files. */
  'batch.finalize': { batchSeq: number };
  /** Leased tasks that must be aborted now: their batch was cancelled or ran out of time. */
  'batch.abort': { batchSeq: number };
  /** A lane has tasks to give: so many that were not there before, or null for who knows how many. */
  'lane.ready': { laneSeq: number; count: number | null };
  /** A single task has ended; its result can be read. */
  'task.ended': { taskId: string } & EndHints;
  /** A task has said something while it runs: events up to number `lastN`, which may or may not be stored yet. */
  'task.progress': { taskId: string; lastN: number; events: readonly ProgressEvent[] };
  /** A task that a dispatcher runs has ended without it: the call must be aborted now. */
  'task.abort': { taskSeq: number };
  /** An upstream is not well, or is well again, as one of those who call it sees it. */
  'upstream.condition': { upstreamSeq: number; fingerprint: string; condition: UpstreamCondition };
  /** Callbacks want to be delivered. */
  'callback.deliver': Record<string, never>;
  /** Keys, queues or upstreams have changed: cached copies are stale. */
  'access.changed': { keyId: string };
  'queues.changed': Record<string, never>;
}

export type Topic = keyof EventMap;
