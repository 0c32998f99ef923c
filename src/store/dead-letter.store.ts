/** Failed single tasks, kept for people. */
import { Injectable } from '@nestjs/common';
import { Database } from './database.js';
import { dropTasks, redriveTasks, type DeadLetterRequest } from './procedures/dead-letter.procedures.js';
import type { Outcomes, RedriveOutcome } from './procedures/single-shapes.js';
import { statement } from './statement.js';

const FAILED = statement<{ queueSeq: number; afterSeq: number; limit: number }, { seq: number; id: string }>(
  'queue-failed',
);
const FAILED_COUNT = statement<{ queueSeq: number }, { failed: number }>('queue-failed-count');

@Injectable()
export class DeadLetterStore {
  constructor(private readonly database: Database) {}

  /** Failed single tasks of a queue in their order, after the row `afterSeq`. */
  page(queueSeq: number, afterSeq: number | null, limit: number): Promise<{ seq: number; id: string }[]> {
    return this.database.all(FAILED, { queueSeq, afterSeq: afterSeq ?? 0, limit });
  }

  /** Failed single tasks that a queue has now. */
  async count(queueSeq: number): Promise<number> {
    const [counted] = await this.database.all(FAILED_COUNT, { queueSeq });
    return counted?.failed ?? 0;
  }

  /** At most 500 ids. `ttlMs`: how long each may take from now on. */
  redrive(request: DeadLetterRequest & { ttlMs: number }): Promise<Outcomes<RedriveOutcome>> {
    return this.database.write(redriveTasks, request, { weight: { rows: request.ids.length, bytes: 0 } });
  }

  /**
   * At most 500 ids; true for each that is gone now. Of tasks with many attempts or events it takes the first ones, one at
   * least, and tells of no others.
   */
  drop(request: DeadLetterRequest): Promise<boolean[]> {
    return this.database.write(dropTasks, request, { weight: { rows: request.ids.length, bytes: 0 } });
  }
}
