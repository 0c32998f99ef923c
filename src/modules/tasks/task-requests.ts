/** What callers ask of tasks, after the shapes of its parts have been checked; and what they get. */
import type { TaskState } from '../../kernel/task-state.js';
import type { LeaseEnd, PullStrategy } from '../../kernel/pull.js';
import type { ProgressEvent } from '../../kernel/progress-event.js';
import type { CancelOutcome, HolderVerdict, RedriveOutcome, SingleMode } from '../../store/procedures/single-shapes.js';
import type { Usage } from '../../store/procedures/task-shapes.js';

export type { CancelOutcome, HolderVerdict, RedriveOutcome, SingleMode };

export interface PutRequest {
  tenantSeq: number;
  /** Public id of the caller's key; null for the admin key. */
  keyId: string | null;
  /** Null: routed by endpoint and model. */
  queueName: string | null;
  level: number;
  mode: SingleMode;
  /** Task type, for a queue with a handler. */
  type: string | null;
  endpoint: string | null;
  /** For routing when no queue is named. */
  model: string | null;
  /** The body as JSON text, best the caller's own bytes. */
  body: string;
  /** Not before so many ms from now; or not before an instant. Null: at once. */
  delayMs: number | null;
  notBefore: number | null;
  /** How long it may take until it ends, from when it is handed out at the earliest, ms. */
  ttlMs: number;
  traceId: string | null;
  callbackUrl: string | null;
  idempotencyKey: string | null;
}

export interface PutReceipt {
  id: string;
  /** True when the same Idempotency-Key made it before. */
  isReplay: boolean;
}

/** A task without its body and result. Instants are epoch ms. */
export interface TaskSummary {
  seq: number;
  id: string;
  batchId: string | null;
  line: number | null;
  customId: string | null;
  queueName: string;
  level: number;
  mode: SingleMode | 'batch';
  type: string | null;
  endpoint: string | null;
  keyId: string | null;
  traceId: string | null;
  callbackUrl: string | null;
  state: TaskState;
  tries: number;
  losses: number;
  enqueuedAt: number;
  availableAt: number | null;
  expiresAt: number | null;
  leasedAt: number | null;
  leaseUntil: number | null;
  endedAt: number | null;
  /** Of the recorded answer. */
  statusCode: number | null;
}

export interface TaskResult {
  /** Null when there was no answer; then `errorCode` says why. */
  statusCode: number | null;
  requestId: string | null;
  /** As it is kept: see `kept-answer`. */
  body: string | null;
  errorCode: string | null;
  errorMessage: string | null;
}

/** `body` is JSON text; null where it is not kept any more. */
export interface TaskDetails extends TaskSummary {
  body: string | null;
  /** Null while the task has not ended. */
  result: TaskResult | null;
}

/** What came of a task, for who waits for it. */
export type TaskEnd = Pick<TaskDetails, 'state' | 'result'>;

/** `large`: what came of it is to be read when there is room for it. */
export type ToldEnd = TaskEnd | 'large';

export interface TaskQuery {
  tenantSeq: number;
  queueName: string | null;
  state: TaskState | null;
  /** Lines of this batch; null: single tasks. */
  batchId: string | null;
  /** Epoch ms; of coming in. */
  since: number | null;
  before: number | null;
  /** The `seq` of the last task of the page before; null: from the newest. */
  afterSeq: number | null;
  limit: number;
}

export interface TaskPage {
  /** Fewer than were asked for, or none, where few fit: what comes next may have more. */
  tasks: TaskSummary[];
  hasMore: boolean;
  /** Of the task after which the next page starts; not always one of these. */
  lastId: string | null;
}

export interface TakeCall {
  /** The caller's; all queues must be his. */
  tenantSeq: number;
  /** In the caller's order. */
  lanes: { queueName: string; level: number }[];
  strategy: PullStrategy;
  size: number;
  minAgeMs: number;
  /** Lease without a heartbeat, ms; null: until the task's expiry. */
  leaseMs: number | null;
  leaseEnd: LeaseEnd;
  leaseRetries: number;
  worker: { name: string; capacity: number | null } | null;
  /** How long to wait for a first task, ms; 0: not at all. */
  waitMs: number;
}

/** A task in a worker's hands. `epoch` is what the lease token says. */
export interface HandedTask extends Omit<
  TaskSummary,
  'seq' | 'line' | 'losses' | 'availableAt' | 'leasedAt' | 'endedAt' | 'statusCode'
> {
  epoch: number;
  /** JSON text. */
  body: string;
}

export interface CompleteCall {
  taskId: string;
  /** Null: the caller knows no tokens. */
  epoch: number | null;
  statusCode: number;
  requestId: string | null;
  /** As it is kept: see `kept-answer`. */
  body: string | null;
  usage: Usage | null;
}

export interface FailCall {
  taskId: string;
  epoch: number | null;
  code: string;
  message: string;
  retryAfterMs: number | null;
  isFinal: boolean;
}

export interface ProgressCall {
  taskId: string;
  epoch: number | null;
  events: ProgressEvent[];
  /** See `Progress.firstN`; null for workers. */
  firstN: number | null;
}

/** An event with its number, counted from 1 in its task. */
export interface NumberedEvent extends ProgressEvent {
  n: number;
}

export interface AttemptView {
  epoch: number;
  workerName: string | null;
  startedAt: number | null;
  endedAt: number;
  outcome: string;
  statusCode: number | null;
  detail: string | null;
}

export interface WorkerView {
  name: string;
  capacity: number | null;
  lastSeenAt: number;
  /** What it asks for, by queue and level. */
  asked: { queueName: string; level: number; isRecent: boolean }[];
  held: { queueName: string; level: number; count: number; oldestLeasedAt: number; nextLeaseEnd: number | null }[];
}
