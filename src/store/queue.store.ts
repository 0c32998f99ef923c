import { Injectable } from '@nestjs/common';
import { Database } from './database.js';
import { DeletedLaneRow } from './entities/deleted-lane.entity.js';
import { LaneRow } from './entities/lane.entity.js';
import { QueueRow } from './entities/queue.entity.js';
import { UpstreamRow } from './entities/upstream.entity.js';
import type { By } from './procedures/audit.js';
import {
  createQueue,
  deleteQueue,
  ensureLane,
  putQueue,
  setQueuePaused,
  updateQueue,
  type NewQueue,
  type QueueChanges,
  type QueueRules,
} from './procedures/queue.procedures.js';
import {
  createUpstream,
  deleteUpstream,
  putUpstream,
  updateUpstream,
  type NewUpstream,
  type UpstreamChanges,
} from './procedures/upstream.procedures.js';

export type StoredQueue = QueueRow;
export type StoredLane = LaneRow;
export type StoredUpstream = UpstreamRow;

@Injectable()
export class QueueStore {
  constructor(private readonly database: Database) {}

  queues(): Promise<StoredQueue[]> {
    return this.database.reader.find(QueueRow, { order: { seq: 'asc' } });
  }

  upstreams(): Promise<StoredUpstream[]> {
    return this.database.reader.find(UpstreamRow, { order: { seq: 'asc' } });
  }

  lanes(): Promise<StoredLane[]> {
    return this.database.reader.find(LaneRow, { order: { queueSeq: 'asc', level: 'asc' } });
  }

  /** Queues of that name, the tenant's and shared ones, that were deleted, as long as tasks of them are kept. */
  async deletedNamed(tenantSeq: number, queueName: string): Promise<number[]> {
    const where = [
      { queueName, tenantSeq },
      { queueName, visibility: 'shared' },
    ];
    const lanes = await this.database.reader.findBy(DeletedLaneRow, where);
    return [...new Set(lanes.map(({ queueSeq }) => queueSeq))];
  }

  putQueue(queue: NewQueue): Promise<StoredQueue> {
    return this.database.write(putQueue, queue);
  }

  createQueue(queue: NewQueue & Partial<QueueRules> & By): Promise<StoredQueue> {
    return this.database.write(createQueue, queue);
  }

  updateQueue(seq: number, changes: QueueChanges, by: string): Promise<StoredQueue> {
    return this.database.write(updateQueue, { seq, changes, by });
  }

  setQueuePaused(seq: number, isPaused: boolean, by: string): Promise<StoredQueue> {
    return this.database.write(setQueuePaused, { seq, isPaused, by });
  }

  deleteQueue(seq: number, by: string): Promise<void> {
    return this.database.write(deleteQueue, { seq, by });
  }

  putUpstream(upstream: NewUpstream): Promise<StoredUpstream> {
    return this.database.write(putUpstream, upstream);
  }

  createUpstream(upstream: NewUpstream & By): Promise<StoredUpstream> {
    return this.database.write(createUpstream, upstream);
  }

  updateUpstream(seq: number, changes: UpstreamChanges, by: string): Promise<StoredUpstream> {
    return this.database.write(updateUpstream, { seq, changes, by });
  }

  deleteUpstream(seq: number, by: string): Promise<void> {
    return this.database.write(deleteUpstream, { seq, by });
  }

  ensureLane(queueSeq: number, level: number): Promise<number> {
    return this.database.write(ensureLane, { queueSeq, level });
  }
}
