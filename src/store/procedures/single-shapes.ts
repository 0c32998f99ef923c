/** Plain shapes of single tasks and of what pull workers do, as they cross the thread between stores and procedures. */
import type { PlainError } from '../../kernel/errors.js';
import type { ProgressEvent } from '../../kernel/progress-event.js';
import type { LeaseEnd, PullStrategy } from '../../kernel/pull.js';
import type { IdempotencyClaim } from './idempotency.js';
import type { LeasedTask, LeaseRequest, Usage } from './task-shapes.js';

export type SingleMode = 'callback' | 'blocking' | 'streaming';

export interface NewTask {
  id: string;
  tenantSeq: number;
  queueSeq: number;
  laneSeq: number;
  mode: SingleMode;
  /** The task type, for a queue whose consumer is a handler. */
  type: string | null;
  /** The path an upstream is called at, such as `/v1/chat/completions`. */
  endpoint: string | null;
  /** Public id of the key that put it; null for the admin key. */
  keyId: string | null;
  /** JSON text. Exactly one of `body` and `blobKey` is set. */
  body: string | null;
  blobKey: string | null;
  /** Epoch ms before which it is not handed out; null or past: at once. */
  availableAt: number | null;
  /** How long it may take until it ends, from now on, ms. */
  ttlMs: number;
  traceId: string | null;
  callbackUrl: string | null;
  idempotency: IdempotencyClaim | null;
  /** For whom, once it is stored, the head of its lane is leased in the same transaction; null: for nobody. */
  lease: Omit<LeaseRequest, 'laneSeq' | 'want'> | null;
}

/** `id` is that of the task which the same Idempotency-Key made before, when `isReplay`. */
export type PutOutcome = PutTask | { kind: 'replay'; id: string } | { kind: 'refused'; error: PlainError };

export interface PutTask {
  kind: 'put';
  id: string;
  enqueuedAt: number;
  /** Whether it waits for somebody to take it. */
  isReady: boolean;
  /** The head of its lane, which is another task where one was ahead; null when none was asked for, or given. */
  leased: LeasedTask | null;
}

/** A public task id taken apart: of a single task, or of a line of a batch. */
export type TaskKey = { id: string } | { batchId: string; line: number };

/** What others must be told after a write. Nothing is lost when they are not told, it only comes later. */
export interface Aftermath {
  /** Ids of single tasks that have ended. */
  endedIds: string[];
  /** Batches that wait for no line any more. */
  doneBatchSeqs: number[];
  /** Lanes that have tasks to give again. */
  readyLaneSeqs: number[];
  /** Tasks that a dispatcher runs and that have ended without it. */
  abortedSeqs: number[];
  /** Whether callbacks want to be delivered. */
  hasCallbacks: boolean;
}

export interface WorkerNote {
  /** Of the worker's key. */
  tenantSeq: number;
  /** As the worker names itself. */
  name: string;
  capacity: number | null;
}

export interface TakeRequest {
  /** In the order of the caller's list. */
  laneSeqs: number[];
  strategy: PullStrategy;
  /** At most so many; `sequential` goes by lanes instead. */
  size: number;
  /** Only tasks that came in at least so long ago. */
  minAgeMs: number;
  /** How long the lease lasts without a heartbeat; null: until the task's own expiry. */
  leaseMs: number | null;
  leaseEnd: LeaseEnd;
  /** For `complete_408`: how often it goes back to its place; -1 for ever. */
  leaseRetries: number;
  worker: WorkerNote | null;
  /** What the rate limits of queues allow just now; queues that are not named have none. */
  allowances: { queueSeq: number; count: number }[];
}

/** A fresh lease. */
export interface TakenLease {
  seq: number;
  epoch: number;
  queueSeq: number;
}

/** Who says something of a task he holds, or held. */
export interface HolderClaim {
  key: TaskKey;
  /** The lease's epoch; null of a worker that knows no tokens. */
  epoch: number | null;
  /** The queue must belong to this tenant. */
  tenantSeq: number;
}

/**
 *   done      it was as he said, and is written
 *   repeated  it was written before: the same answer with the same token
 *   lost      the token holds no lease any more; nothing was written
 *   late      no token, and the task is not leased; nothing was written
 *   unknown   no such task in a queue of this tenant
 */
export type HolderVerdict = 'done' | 'repeated' | 'lost' | 'late' | 'unknown';

export interface Completion extends HolderClaim {
  /** Of the model's answer. */
  statusCode: number;
  requestId: string | null;
  /** JSON text, or null where there is none or where it is in the blob. */
  body: string | null;
  blobKey: string | null;
  usage: Usage | null;
}

/** An attempt that failed, said by who made it. */
export interface Failure extends HolderClaim {
  code: string;
  message: string;
  /** When to try again; null: as the queue's retry policy says. */
  retryAfterMs: number | null;
  /** Whether trying again makes no sense. */
  isFinal: boolean;
  /** Tries when the queue has no number of its own. */
  defaultMaxTries: number;
}

export interface Progress extends HolderClaim {
  events: ProgressEvent[];
  /** The number of the first of these events, from who counts himself; null: the next one. */
  firstN: number | null;
  /** The task's lane, from the dispatcher that runs it; null from others. */
  laneSeq: number | null;
}

export interface ProgressOutcome {
  verdict: HolderVerdict;
  /** The number of the last of these events; null when none was stored. */
  lastN: number | null;
  epoch: number | null;
}

export interface HolderOutcome {
  verdict: HolderVerdict;
}

/** What became of many things handed in together, in their order. */
export interface Outcomes<T> {
  outcomes: T[];
  aftermath: Aftermath;
}

export type CancelOutcome = 'cancelled' | 'ended_before' | 'unknown' | 'is_line';
export type RedriveOutcome = 'redriven' | 'not_failed' | 'cleared' | 'unknown';
