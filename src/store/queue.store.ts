import { Injectable } from '@nestjs/common';
import { Database } from './database.js';
import { LaneRow } from './entities/lane.entity.js';
import { QueueRow } from './entities/queue.entity.js';
import { UpstreamRow } from './entities/upstream.entity.js';
import { ensureLane, putQueue, putUpstream, type NewQueue, type NewUpstream } from './procedures/queue.procedures.js';

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

  putQueue(queue: NewQueue): Promise<StoredQueue> {
    return this.database.write(putQueue, queue);
  }

  putUpstream(upstream: NewUpstream): Promise<StoredUpstream> {
    return this.database.write(putUpstream, upstream);
  }

  ensureLane(queueSeq: number, level: number): Promise<number> {
    return this.database.write(ensureLane, { queueSeq, level });
  }
}
