/** Plain shapes that cross the thread between stores and procedures. */
import type { EventSpan } from '../../kernel/progress-event.js';

/** Tokens of one answer, or of many added up. */
export interface Usage {
  inputTokens: number;
  cachedTokens: number;
  outputTokens: number;
  reasoningTokens: number;
  totalTokens: number;
}

/** A request to lease up to `want` tasks from the head of a lane for a dispatcher. */
export interface LeaseRequest {
  laneSeq: number;
  want: number;
  /** The instance whose life the lease hangs on. */
  ownerSeq: number;
  /** Only tasks without a type: those with one are for handlers. */
  isUntyped: boolean;
}

/** Up to `want` tasks of a type. */
export interface TypedShare {
  type: string;
  want: number;
}

/** A request to lease tasks of some types from a lane, for handlers. */
export interface TypedLeaseRequest {
  laneSeq: number;
  /** The instance whose life the lease hangs on. */
  ownerSeq: number;
  shares: TypedShare[];
  /** Tasks of all these types together at most. */
  limit: number;
}

/** What a dispatcher must know of a task to run it. */
export interface LeasedTask {
  seq: number;
  /** Public id of a single task; null of the line of a batch. */
  id: string | null;
  epoch: number;
  batchSeq: number | null;
  bodyOffset: number | null;
  bodyLength: number | null;
  tries: number;
}

export interface TypedTask extends LeasedTask {
  type: string;
}

/** The end of a task with something to record: the model's answer, or why there is none. */
export interface FinishedTask {
  seq: number;
  epoch: number;
  laneSeq: number;
  batchSeq: number | null;
  state: 'completed' | 'failed' | 'expired' | 'cancelled';
  /** Whether this end counts as a try. */
  isTry: boolean;
  statusCode: number | null;
  requestId: string | null;
  body: string | null;
  /** Set instead of `body` when the answer was too large for a row. */
  blobKey: string | null;
  errorCode: string | null;
  errorMessage: string | null;
  usage: Usage | null;
  /** Whether somebody is to be called back; true also where that is not known. */
  hasCallback: boolean;
  /** What it said last and is not stored yet; null where it says nothing, or has stored all of it before. */
  lastWords: EventSpan | null;
}

/** What came of handing in a FinishedTask. */
export interface FinishResult {
  /** False: the lease was lost meanwhile, nothing was written. */
  isRecorded: boolean;
  /** True when this was the last line its batch waited for. */
  isBatchDone: boolean;
}

/** A task that goes back to its place in the lane, at once or at a time. */
export interface ReturnedTask {
  seq: number;
  epoch: number;
  laneSeq: number;
  /** Null: ready again now. */
  availableAt: number | null;
  isTry: boolean;
  isLoss: boolean;
  /** Why, for the attempt log; null leaves no trace (released before it started, or only the upstream's pace). */
  attempt: AttemptNote | null;
}

export interface AttemptNote {
  outcome: 'failed' | 'lost';
  startedAt: number | null;
  statusCode: number | null;
  detail: string | null;
}
