import { Injectable } from '@nestjs/common';
import { In, LessThan } from 'typeorm';
import { Clock } from '../kernel/clock.js';
import { Database } from './database.js';
import { BatchRow } from './entities/batch.entity.js';
import {
  cancelBatch,
  createBatch,
  expireBatch,
  failBatch,
  finishBatch,
  insertLines,
  planResultFiles,
  settleLines,
  type CreatedBatch,
  type SettledWindow,
  type SettleWindow,
} from './procedures/batch.procedures.js';
import type { FinishedBatch, NewBatch, NewLines } from './procedures/batch-shapes.js';
import { statement, type Statement } from './statement.js';

export type StoredBatch = BatchRow;

/** How one line of a batch ended, for its line in the output or error file. */
export interface EndedLine {
  line: number;
  customId: string;
  state: number;
  statusCode: number | null;
  requestId: string | null;
  body: string | null;
  blobKey: string | null;
  errorCode: string | null;
  errorMessage: string | null;
}

const TO_FINALIZE = statement<{ limit: number }, { seq: number }>('batch-to-finalize');
const TO_INGEST = statement<{ limit: number }, { seq: number }>('batch-to-ingest');
const OVERDUE = statement<{ now: number; limit: number }, { seq: number }>('batch-overdue');
const ENDED_LINES = statement<{ batchSeq: number; after: number; until: number }, EndedLine>('batch-ended-lines');
const READY_LANES = statement<{ batchSeq: number; after: number; until: number }, { laneSeq: number }>(
  'batch-ready-lanes',
);

/** Rough bytes of one task row, for bounding a group. */
const LINE_ROW_BYTES = 200;

@Injectable()
export class BatchStore {
  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
  ) {}

  create(batch: NewBatch): Promise<CreatedBatch> {
    return this.database.write(createBatch, batch);
  }

  find(tenantSeq: number, id: string): Promise<StoredBatch | null> {
    return this.database.reader.findOneBy(BatchRow, { tenantSeq, id });
  }

  bySeq(seq: number): Promise<StoredBatch> {
    return this.database.reader.findOneByOrFail(BatchRow, { seq });
  }

  /** Newest first. */
  page(tenantSeq: number, beforeSeq: number | null, limit: number): Promise<StoredBatch[]> {
    return this.database.reader.find(BatchRow, {
      where: { tenantSeq, ...(beforeSeq === null ? {} : { seq: LessThan(beforeSeq) }) },
      order: { seq: 'desc' },
      take: limit,
    });
  }

  /** Batches that have stopped and wait for their result files, oldest first. */
  toFinalize(): Promise<StoredBatch[]> {
    return this.bySeqs(TO_FINALIZE, { limit: 500 });
  }

  /** Batches of which lines are still to be read in, oldest first. */
  toIngest(): Promise<StoredBatch[]> {
    return this.bySeqs(TO_INGEST, { limit: 100 });
  }

  /** Running batches whose window is over. */
  overdue(): Promise<StoredBatch[]> {
    return this.bySeqs(OVERDUE, { now: this.clock.now(), limit: 100 });
  }

  /** False when the batch is not where the caller believes it to be. */
  insertLines(chunk: NewLines): Promise<boolean> {
    const rows = chunk.lines.length;
    return this.database.write(insertLines, chunk, { weight: { rows, bytes: rows * LINE_ROW_BYTES } });
  }

  fail(batchSeq: number, errors: string): Promise<boolean> {
    return this.database.write(failBatch, { batchSeq, errors });
  }

  cancel(tenantSeq: number, id: string, by: string | null = null): Promise<StoredBatch> {
    return this.database.write(cancelBatch, { tenantSeq, id, by });
  }

  expire(batchSeq: number): Promise<boolean> {
    return this.database.write(expireBatch, { batchSeq });
  }

  settle(window: SettleWindow): Promise<SettledWindow> {
    return this.database.write(settleLines, window, { weight: { rows: window.until - window.after, bytes: 0 } });
  }

  planResultFiles(batchSeq: number, outputId: string, errorId: string): Promise<StoredBatch> {
    return this.database.write(planResultFiles, { batchSeq, outputId, errorId });
  }

  finish(batch: FinishedBatch): Promise<boolean> {
    return this.database.write(finishBatch, batch);
  }

  /** Lines after `after` up to and including `until`, in order. */
  endedLines(batchSeq: number, after: number, until: number): Promise<EndedLine[]> {
    return this.database.all(ENDED_LINES, { batchSeq, after, until });
  }

  /** Lanes in which lines after `after` up to and including `until` are ready. */
  async readyLanes(batchSeq: number, after: number, until: number): Promise<number[]> {
    const rows = await this.database.all(READY_LANES, { batchSeq, after, until });
    return rows.map(({ laneSeq }) => laneSeq);
  }

  /** Two steps, because TypeORM binds constants, and a bound one tells SQLite nothing about a partial index. */
  private async bySeqs<P extends Record<string, number>>(
    query: Statement<P, { seq: number }>,
    params: P,
  ): Promise<StoredBatch[]> {
    const found = await this.database.all(query, params);
    if (found.length === 0) return [];
    const seq = In(found.map((row) => row.seq));
    return this.database.reader.find(BatchRow, { where: { seq }, order: { seq: 'asc' } });
  }
}
