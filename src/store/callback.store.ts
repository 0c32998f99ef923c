import { Injectable } from '@nestjs/common';
import { In } from 'typeorm';
import { Clock } from '../kernel/clock.js';
import { Database } from './database.js';
import { CallbackAttemptRow } from './entities/callback-attempt.entity.js';
import { CallbackRow } from './entities/callback.entity.js';
import type { TaskResultRow } from './entities/task-result.entity.js';
import {
  leaseCallbacks,
  recordCallbacks,
  replayCallback,
  rescueCallbacks,
  type Replay,
} from './procedures/callback.procedures.js';
import type { CallbackEnd, CallbackLeaseRequest, CallbackLine, LeasedCallback } from './procedures/callback-shapes.js';
import { statement } from './statement.js';

export type StoredCallback = CallbackRow;
export type StoredCallbackAttempt = CallbackAttemptRow;

/** The task that a callback tells of. Of the result all is null when none was recorded. */
export interface CallbackSubject extends Omit<TaskResultRow, 'taskSeq'> {
  /** Null for the line of a batch, whose name is made of the batch's id and the line. */
  id: string | null;
  batchId: string | null;
  line: number | null;
  /** A TASK_STATE_CODE. */
  state: number;
}

const HAS_DUE = statement<{ now: number }, { seq: number }>('callback-has-due');
const LINES = statement<{ passed: string; limit: number }, CallbackLine & { dueAt: number }>('callback-lines');
const PENDING = statement<{ limit: number }, { pending: number }>('callback-pending');
const SUBJECT = statement<{ seq: number; epoch: number }, CallbackSubject>('callback-subject');

/** Counting goes no further than this: it is for a gauge, and longer reads hold others up. */
export const MAX_COUNTED = 100_000;

/**
 * Lines of one tenant that are looked at in one go; several times those that it can have calls under way of. One who has
 * callbacks to 100,000 origins would else keep all others waiting for a second, each time.
 */
const LINES_AT_ONCE = 500;

/** The outbox. */
@Injectable()
export class CallbackStore {
  /** Tenants with more lines than are looked at in one go: the last one that was looked at of each. */
  private passed: CallbackLine[] = [];

  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
  ) {}

  lease(request: CallbackLeaseRequest): Promise<LeasedCallback[]> {
    const rows = request.lines.reduce((sum, { want }) => sum + want, 0);
    return this.database.write(leaseCallbacks, request, { weight: { rows, bytes: 0 } });
  }

  /** False when the lease was lost meanwhile. */
  record(end: CallbackEnd): Promise<boolean> {
    return this.database.write(recordCallbacks, end, { isPatient: true });
  }

  /** Takes back leases of an instance that is dead, by default of all others; only for one that can prove it. */
  rescue(ownerSeq: number, deadSeq: number | null = null): Promise<{ rescued: number; isMore: boolean }> {
    return this.database.write(rescueCallbacks, { ownerSeq, deadSeq }, { weight: { rows: 500, bytes: 0 } });
  }

  /** Refuses with `not_found`, and with `conflict` while it is being delivered. */
  replay(replay: Replay): Promise<StoredCallback> {
    return this.database.write(replayCallback, replay);
  }

  /** Whether any callback is due; spares the writer a lease that would find nothing. */
  async hasDue(): Promise<boolean> {
    return (await this.database.all(HAS_DUE, { now: this.clock.now() })).length > 0;
  }

  /** Lines with due callbacks, whoever has waited longest first; of a tenant with very many, the next ones with each call. */
  async dueLines(): Promise<CallbackLine[]> {
    const now = this.clock.now();
    const lines = await this.database.all(LINES, { passed: JSON.stringify(this.passed), limit: LINES_AT_ONCE });
    // Who has as many lines as that, which stand together, may have more of them.
    this.passed = lines.filter(({ tenantSeq }, index) => lines[index - LINES_AT_ONCE + 1]?.tenantSeq === tenantSeq);
    const due = lines.filter(({ dueAt }) => dueAt <= now).toSorted((a, b) => a.dueAt - b.dueAt);
    return due.map(({ tenantSeq, target }) => ({ tenantSeq, target }));
  }

  /** Callbacks that wait to be delivered, at most MAX_COUNTED. */
  async pending(): Promise<number> {
    const [count] = await this.database.all(PENDING, { limit: MAX_COUNTED });
    return count!.pending;
  }

  /** Of a leased callback. Null when it was withdrawn meanwhile, because its task was sent back or deleted. */
  async subject({ seq, epoch }: Pick<LeasedCallback, 'seq' | 'epoch'>): Promise<CallbackSubject | null> {
    const [subject] = await this.database.all(SUBJECT, { seq, epoch });
    return subject ?? null;
  }

  /** Oldest first, at most `limit`. */
  ofTask(taskSeq: number, limit: number): Promise<StoredCallback[]> {
    return this.database.reader.find(CallbackRow, { where: { taskSeq }, order: { seq: 'asc' }, take: limit });
  }

  /** The remembered tries of these callbacks, oldest first. */
  attempts(callbackSeqs: readonly number[]): Promise<StoredCallbackAttempt[]> {
    return this.database.reader.find(CallbackAttemptRow, {
      where: { callbackSeq: In([...callbackSeqs]) },
      order: { seq: 'asc' },
    });
  }
}
