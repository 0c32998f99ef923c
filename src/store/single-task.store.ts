/** Single tasks as their owners know them: put, cancelled, read; and what any task looks like from outside. */
import { Injectable } from '@nestjs/common';
import { sizeOfEvents, type ProgressEvent } from '../kernel/progress-event.js';
import { Database } from './database.js';
import type { BulkClaim } from './procedures/bulk-keys.js';
import { appendEvents } from './procedures/progress.procedures.js';
import { putTasks, putTasksOnce } from './procedures/put.procedures.js';
import { cancelTasks, type CancelRequest } from './procedures/stop.procedures.js';
import type {
  CancelOutcome,
  NewTask,
  Outcomes,
  Progress,
  ProgressOutcome,
  PutOutcome,
  TaskKey,
} from './procedures/single-shapes.js';
import { statement, type Statement } from './statement.js';

/** A task as it is stored, with its body and result when they were asked for. */
export interface StoredTask {
  seq: number;
  /** Null for a line of a batch. */
  id: string | null;
  epoch: number;
  /** See TASK_STATE_CODE. */
  state: number;
  mode: string;
  type: string | null;
  tries: number;
  losses: number;
  line: number | null;
  tenantSeq: number;
  queueSeq: number;
  laneSeq: number;
  batchSeq: number | null;
  customId: string | null;
  keyId: string | null;
  traceId: string | null;
  callbackUrl: string | null;
  enqueuedAt: number;
  availableAt: number | null;
  leasedAt: number | null;
  leaseUntil: number | null;
  endedAt: number | null;
  statusCode: number | null;
  bodyOffset: number | null;
  bodyLength: number | null;
  /** Its own, or that of its batch. */
  endpoint: string | null;
  expiresAt: number | null;
  batchId: string | null;
  /** Also of a queue that was deleted since. */
  queueName: string;
  level: number;
  body: string | null;
  bodyBlobKey: string | null;
  /** Null where no result was recorded or asked for. */
  resultSeq: number | null;
  requestId: string | null;
  resultBody: string | null;
  resultBlobKey: string | null;
  errorCode: string | null;
  errorMessage: string | null;
}

export interface StoredAttempt {
  taskSeq: number;
  epoch: number;
  workerName: string | null;
  startedAt: number | null;
  endedAt: number;
  outcome: string;
  statusCode: number | null;
  detail: string | null;
  /** How many its task has in all. */
  total: number;
}

/** As much of a task as tells whether somebody who lists tasks wants to see it. */
export type ListedTask = Pick<StoredTask, 'seq' | 'id' | 'line' | 'queueSeq' | 'state' | 'enqueuedAt'>;

export interface EventRow {
  /** The number of the last of `events`. */
  n: number;
  events: ProgressEvent[];
}

type Place = { place: number; seq: number };

const SEQS = statement<{ ids: string }, Place>('task-seqs');
const LINE_SEQS = statement<{ keys: string }, Place>('task-line-seqs');
const DETAILS = statement<{ seqs: string; tenantSeq: number | null; isWhole: number }, StoredTask>('task-details');
const ENDED = statement<{ ids: string }, Place>('task-ended');
const ENDED_LINES = statement<{ keys: string }, Place>('task-ended-lines');
const PAGE = statement<{ tenantSeq: number; beforeSeq: number; limit: number }, ListedTask>('task-page');
const LINE_PAGE = statement<{ batchSeq: number; afterSeq: number | null; limit: number }, ListedTask>('task-line-page');
const EVENTS = statement<
  { taskSeq: number; after: number; limit: number; bytes: number },
  { n: number; events: string }
>('event-page');
const ATTEMPTS = statement<{ seqs: string; limit: number }, StoredAttempt>('task-attempts');

const EVENT_ROWS = 200;
/** Of events read at a time: a page ends with the row that reaches so many. */
const EVENT_BYTES = 4 * 1024 * 1024;

@Injectable()
export class SingleTaskStore {
  constructor(private readonly database: Database) {}

  /**
   * Stores all that are let in, in one transaction; an outcome for each. `bulk`: the key that they share; when it came with
   * another request before, all are refused.
   */
  put(tasks: NewTask[], bulk: BulkClaim | null = null): Promise<PutOutcome[]> {
    const bytes = tasks.reduce((sum, { body }) => sum + (body?.length ?? 0), 0);
    const options = { weight: { rows: tasks.length, bytes } };
    if (bulk === null) return this.database.write(putTasks, tasks, options);
    return this.database.write(putTasksOnce, { tasks, bulk }, options);
  }

  cancel(requests: CancelRequest[]): Promise<Outcomes<CancelOutcome>> {
    return this.database.write(cancelTasks, requests, { weight: { rows: requests.length, bytes: 0 } });
  }

  appendEvents(progress: Progress): Promise<ProgressOutcome> {
    return this.database.write(appendEvents, progress, { weight: { rows: 1, bytes: sizeOfEvents(progress.events) } });
  }

  /** The rows behind these keys, in their order; null for unknown ones. Says nothing of whose they are. */
  seqsOf(keys: readonly TaskKey[]): Promise<(number | null)[]> {
    return this.rowsOf(keys, SEQS, LINE_SEQS);
  }

  /** As `seqsOf`, of those that have ended; null for the others. At most 500 at a time. */
  endedOf(keys: readonly TaskKey[]): Promise<(number | null)[]> {
    return this.rowsOf(keys, ENDED, ENDED_LINES);
  }

  /** In no promised order; those of other tenants are left out. At most 500 at a time. */
  bySeqs(seqs: readonly number[], tenantSeq: number | null, isWhole: boolean): Promise<StoredTask[]> {
    return this.database.all(DETAILS, { seqs: JSON.stringify(seqs), tenantSeq, isWhole: isWhole ? 1 : 0 });
  }

  /** Single tasks of a tenant, newest first, from below `beforeSeq`. */
  page(tenantSeq: number, beforeSeq: number | null, limit: number): Promise<ListedTask[]> {
    return this.database.all(PAGE, { tenantSeq, beforeSeq: beforeSeq ?? Number.MAX_SAFE_INTEGER, limit });
  }

  /** Lines of a batch, last first, from before the line of `afterSeq`. */
  linePage(batchSeq: number, afterSeq: number | null, limit: number): Promise<ListedTask[]> {
    return this.database.all(LINE_PAGE, { batchSeq, afterSeq, limit });
  }

  /** Rows that hold events after number `after`, in order; fewer than there are when they are many or large. */
  async events(taskSeq: number, after: number): Promise<EventRow[]> {
    const rows = await this.database.all(EVENTS, { taskSeq, after, limit: EVENT_ROWS, bytes: EVENT_BYTES });
    return rows.map(({ n, events }) => ({ n, events: JSON.parse(events) as ProgressEvent[] }));
  }

  /** The last `limit` attempts of each of these tasks, oldest first. */
  attempts(taskSeqs: readonly number[], limit: number): Promise<StoredAttempt[]> {
    return this.database.all(ATTEMPTS, { seqs: JSON.stringify(taskSeqs), limit });
  }

  private async rowsOf(
    keys: readonly TaskKey[],
    ofSingles: Statement<{ ids: string }, Place>,
    ofLines: Statement<{ keys: string }, Place>,
  ): Promise<(number | null)[]> {
    const seqs = new Array<number | null>(keys.length).fill(null);
    const note = (found: readonly Place[], places: readonly number[]) => {
      for (const { place, seq } of found) seqs[places[place]!] = seq;
    };
    const singles = [...keys.keys()].filter((place) => 'id' in keys[place]!);
    const lines = [...keys.keys()].filter((place) => 'line' in keys[place]!);
    if (singles.length > 0) {
      const ids = singles.map((place) => (keys[place] as { id: string }).id);
      note(await this.database.all(ofSingles, { ids: JSON.stringify(ids) }), singles);
    }
    if (lines.length > 0) {
      const pairs = lines.map((place) => keys[place] as { batchId: string; line: number });
      const wanted = JSON.stringify(pairs.map(({ batchId, line }) => [batchId, line]));
      note(await this.database.all(ofLines, { keys: wanted }), lines);
    }
    return seqs;
  }
}
