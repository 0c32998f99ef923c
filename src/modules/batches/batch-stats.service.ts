import { Injectable } from '@nestjs/common';
import { BatchStore, type StoredBatch } from '../../store/batch.store.js';
import { QueueStatsService } from '../queues/queue-stats.service.js';
import { BatchesService } from './batches.service.js';

export interface BatchStats {
  batch: StoredBatch;
  /** Why lines that are ready are not taken, each reason once; empty when they move, or none is ready. */
  waitsBecause: string[];
}

/** Lines that one statement looks at. */
const WINDOW_LINES = 2_000;

/** How a batch gets on. */
@Injectable()
export class BatchStatsService {
  constructor(
    private readonly batches: BatchesService,
    private readonly store: BatchStore,
    private readonly queues: QueueStatsService,
  ) {}

  /** Rejects with `not_found`. */
  async of(tenantSeq: number, id: string): Promise<BatchStats> {
    const batch = await this.batches.get(tenantSeq, id);
    const lanes = new Set(batch.state === 'in_progress' ? await this.readyLanes(batch) : []);
    if (lanes.size === 0) return { batch, waitsBecause: [] };
    const stats = await this.queues.lanes(({ seq }) => lanes.has(seq));
    const reasons = stats.flatMap(({ waitsBecause }) => waitsBecause ?? []);
    return { batch, waitsBecause: [...new Set(reasons)] };
  }

  /** Of the first lines that are ready: others will follow them. */
  private async readyLanes({ seq, total }: StoredBatch): Promise<number[]> {
    for (let after = 0; after < total; after += WINDOW_LINES) {
      const lanes = await this.store.readyLanes(seq, after, after + WINDOW_LINES);
      if (lanes.length > 0) return lanes;
    }
    return [];
  }
}
