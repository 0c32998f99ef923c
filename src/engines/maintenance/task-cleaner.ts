import { Injectable } from '@nestjs/common';
import { AppConfig } from '../../config/app-config.js';
import { Clock } from '../../kernel/clock.js';
import { BlobStore } from '../../ports/blob-store.js';
import { RetentionStore, type EndedQueue } from '../../store/retention.store.js';
import { Sweep } from './sweep.js';

const ENDED_STATES = ['completed', 'failed', 'expired', 'cancelled'] as const;

/** Forgets single tasks that ended long ago, with their bodies and results; and deleted queues of which no task is left. */
@Injectable()
export class TaskCleaner extends Sweep {
  override readonly name = 'clean-tasks';
  override readonly intervalMs = 15_000;

  constructor(
    private readonly config: AppConfig,
    private readonly clock: Clock,
    private readonly retention: RetentionStore,
    private readonly blobs: BlobStore,
  ) {
    super();
  }

  override async run(): Promise<boolean> {
    let forgotten = 0;
    for (const queue of await this.retention.endedQueues()) {
      for (const state of ENDED_STATES) {
        const before = this.clock.now() - this.keptMs(queue, state);
        forgotten += await this.forget(await this.retention.outlivedTasks(queue.queueSeq, state, before));
      }
    }
    if (forgotten > 0) return true;
    const lanes = await this.retention.outlivedLanes();
    if (lanes.length > 0) await this.retention.forgetLanes(lanes);
    return lanes.length > 0;
  }

  /** Failed tasks are the dead letters: somebody may want to run them again long after the others are of no use. */
  private keptMs({ resultTtlMs }: EndedQueue, state: (typeof ENDED_STATES)[number]): number {
    const { retentionMs, deadLetterRetentionMs } = this.config.times;
    return state === 'failed' ? deadLetterRetentionMs : (resultTtlMs ?? retentionMs);
  }

  private async forget(seqs: number[]): Promise<number> {
    if (seqs.length === 0) return 0;
    const { tasks, blobKeys } = await this.retention.forgetTasks(seqs);
    for (const key of blobKeys) await this.blobs.delete(key);
    return tasks;
  }
}
