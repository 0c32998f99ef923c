import { Injectable } from '@nestjs/common';
import { CALLBACK_STATE_CODE } from '../kernel/callback-state.js';
import { TASK_STATE_CODE, type TaskState } from '../kernel/task-state.js';
import { Database } from './database.js';
import {
  clearBatch,
  forgetCallbacks,
  forgetInstances,
  forgetLanes,
  forgetOldRows,
  forgetTasks,
  type ForgottenTasks,
  type OldRowKind,
} from './procedures/retention.procedures.js';
import { SWEEP_ROWS } from './procedures/task.procedures.js';
import { statement, type Statement } from './statement.js';

/** Tasks forgotten in one transaction, at most; each has a few rows. */
export const TASKS_PER_STEP = 500;
/** Such a write fills a group by itself, so that nobody else's write waits for more than one of them. */
const WEIGHT = { rows: 500, bytes: 0 };

interface Seq {
  seq: number;
}

/** A queue, also a deleted one, that has ended single tasks. */
export interface EndedQueue {
  queueSeq: number;
  /** How long it keeps results; null when it does not say. */
  resultTtlMs: number | null;
}

const ENDED_QUEUES = statement<Record<string, never>, EndedQueue>('task-ended-queues');
const OUTLIVED_TASKS = statement<{ queueSeq: number; state: number; before: number; limit: number }, Seq>(
  'task-outlived',
);
const OUTLIVED_LANES = statement<{ limit: number }, Seq>('deleted-lane-outlived');
const OUTLIVED_BATCHES = statement<{ before: number; limit: number }, Seq>('batch-outlived');
const BATCH_LINES = statement<{ batchSeq: number; limit: number }, Seq>('batch-line-seqs');
const OUTLIVED_CALLBACKS = statement<{ state: number; before: number; limit: number }, Seq>('callback-outlived');

/** Finds and forgets what was kept long enough. All `before` are instants (epoch ms), the instant itself included. */
@Injectable()
export class RetentionStore {
  constructor(private readonly database: Database) {}

  endedQueues(): Promise<EndedQueue[]> {
    return this.database.all(ENDED_QUEUES, {});
  }

  /** Single tasks of a queue that ended in this state long enough ago; one step's worth. */
  outlivedTasks(queueSeq: number, state: TaskState, before: number): Promise<number[]> {
    return this.seqs(OUTLIVED_TASKS, { queueSeq, state: TASK_STATE_CODE[state], before, limit: TASKS_PER_STEP });
  }

  /** Lanes of deleted queues of which no task is left; one step's worth. */
  outlivedLanes(): Promise<number[]> {
    return this.seqs(OUTLIVED_LANES, { limit: TASKS_PER_STEP });
  }

  /** Batches that ended long enough ago and still have rows of their lines. */
  outlivedBatches(before: number): Promise<number[]> {
    return this.seqs(OUTLIVED_BATCHES, { before, limit: 10 });
  }

  /** Lines of a batch that are still there; one step's worth. */
  linesOf(batchSeq: number): Promise<number[]> {
    return this.seqs(BATCH_LINES, { batchSeq, limit: TASKS_PER_STEP });
  }

  outlivedCallbacks(state: 'delivered' | 'dead', before: number): Promise<number[]> {
    return this.seqs(OUTLIVED_CALLBACKS, { state: CALLBACK_STATE_CODE[state], before, limit: TASKS_PER_STEP });
  }

  forgetTasks(seqs: number[]): Promise<ForgottenTasks> {
    return this.database.write(forgetTasks, { seqs }, { weight: WEIGHT });
  }

  forgetLanes(seqs: number[]): Promise<void> {
    return this.database.write(forgetLanes, { seqs }, { weight: WEIGHT });
  }

  clearBatch(batchSeq: number): Promise<boolean> {
    return this.database.write(clearBatch, { batchSeq });
  }

  forgetCallbacks(seqs: number[]): Promise<number> {
    return this.database.write(forgetCallbacks, { seqs }, { weight: WEIGHT });
  }

  /** True when there may be more. */
  async forgetOld(kind: OldRowKind, before: number): Promise<boolean> {
    const forgotten = await this.database.write(forgetOldRows, { kind, before }, { weight: WEIGHT });
    return forgotten === SWEEP_ROWS;
  }

  async forgetInstances(before: number, ownSeq: number): Promise<boolean> {
    return (await this.database.write(forgetInstances, { before, ownSeq }, { weight: WEIGHT })) === SWEEP_ROWS;
  }

  private async seqs<P extends Record<string, number>>(query: Statement<P, Seq>, params: P): Promise<number[]> {
    return (await this.database.all(query, params)).map(({ seq }) => seq);
  }
}
