/**
 * Ends the lines of a batch that was stopped, in windows of 2,000 lines a transaction. Lines that are being run may finish
 * within the cancel grace; those of a batch whose time is over may not.
 */
import { Injectable } from '@nestjs/common';
import { AppConfig } from '../../config/app-config.js';
import type { BatchOutcome } from '../../kernel/batch-state.js';
import { Clock } from '../../kernel/clock.js';
import { TaskNotices } from '../../modules/tasks/task-notices.js';
import { EventBus } from '../../ports/event-bus.js';
import { BatchStore, type StoredBatch } from '../../store/batch.store.js';
import { SWEEP_ROWS } from '../../store/procedures/task.procedures.js';

@Injectable()
export class Settler {
  constructor(
    private readonly config: AppConfig,
    private readonly clock: Clock,
    private readonly batches: BatchStore,
    private readonly events: EventBus,
    private readonly notices: TaskNotices,
  ) {}

  /** True when no line is live any more. */
  async settle(batch: StoredBatch): Promise<boolean> {
    if (batch.outcome === 'completed' || batch.settledAt !== null) return true;
    if (batch.ingested < batch.total) return false; // its last lines are still being read in
    const isWithLeased = this.isGraceOver(batch);
    let live = 0;
    const freed = new Set<number>();
    for (let after = 0; after < batch.total; after += SWEEP_ROWS) {
      const until = after + SWEEP_ROWS;
      const outcome = batch.outcome as BatchOutcome;
      const window = await this.batches.settle({ batchSeq: batch.seq, after, until, outcome, isWithLeased });
      live += window.live;
      for (const laneSeq of window.freedLaneSeqs) freed.add(laneSeq);
    }
    // Those that run are told first: what takes their places is not to run beside them.
    if (isWithLeased) this.events.publish('batch.abort', { batchSeq: batch.seq });
    this.notices.freed([...freed]);
    return live === 0;
  }

  private isGraceOver(batch: StoredBatch): boolean {
    if (batch.outcome === 'expired') return true;
    return this.clock.now() >= batch.cancellingAt! + this.config.times.cancelGraceMs;
  }
}
