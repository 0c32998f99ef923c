/** Plain shapes that cross the thread between the CallbackStore and its procedures. */
import type { CallbackState } from '../../kernel/callback-state.js';

/** The callbacks of one tenant to one origin: what others send there, or it sends elsewhere, stands in another line. */
export interface CallbackLine {
  tenantSeq: number;
  /** The origin. */
  target: string;
}

/** A request to lease due callbacks, of each line no more than it wants. */
export interface CallbackLeaseRequest {
  /** The instance whose life the leases hang on. */
  ownerSeq: number;
  lines: readonly (CallbackLine & { want: number })[];
}

/** What whoever delivers a callback must know of it. */
export interface LeasedCallback {
  seq: number;
  epoch: number;
  id: string;
  tenantSeq: number;
  taskSeq: number | null;
  url: string;
  /** The origin of `url`. */
  target: string;
  /** Null: the recorded result of the task. */
  body: string | null;
  /** Tries before this one. */
  tries: number;
}

/** One try to deliver. */
export interface CallbackAttempt {
  startedAt: number;
  tookMs: number;
  statusCode: number | null;
  /** Why it does not count as delivered; null: it does. */
  error: string | null;
  /** The beginning of what the receiver said. */
  answer: string | null;
}

/** What became of a leased callback. */
export interface CallbackEnd {
  seq: number;
  epoch: number;
  state: Exclude<CallbackState, 'leased'>;
  /** The next try, when it waits for one; null: as before, so that one that was not tried is due at once. */
  availableAt: number | null;
  /** Null for one that was given back without a try. */
  attempt: CallbackAttempt | null;
}
