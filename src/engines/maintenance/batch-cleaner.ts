import { Injectable } from '@nestjs/common';
import { AppConfig } from '../../config/app-config.js';
import { Clock } from '../../kernel/clock.js';
import { BlobStore } from '../../ports/blob-store.js';
import { RetentionStore } from '../../store/retention.store.js';
import { Sweep } from './sweep.js';

/**
 * Forgets the lines of batches that ended long ago. The batch itself stays listed, with its counts and the ids of its files,
 * and is forgotten much later. Result files go by their own time.
 */
@Injectable()
export class BatchCleaner extends Sweep {
  override readonly name = 'clean-batches';
  override readonly intervalMs = 60_000;

  constructor(
    private readonly config: AppConfig,
    private readonly clock: Clock,
    private readonly retention: RetentionStore,
    private readonly blobs: BlobStore,
  ) {
    super();
  }

  override async run(): Promise<boolean> {
    const { retentionMs, batchRetentionMs } = this.config.times;
    const now = this.clock.now();
    const [batchSeq] = await this.retention.outlivedBatches(now - retentionMs);
    if (batchSeq === undefined) return this.retention.forgetOld('batches', now - batchRetentionMs);
    const lines = await this.retention.linesOf(batchSeq);
    if (lines.length === 0) {
      await this.retention.clearBatch(batchSeq);
      return true;
    }
    const { tasks, blobKeys } = await this.retention.forgetTasks(lines);
    for (const key of blobKeys) await this.blobs.delete(key);
    if (tasks === 0) throw new Error(`batch ${batchSeq} has ended, but lines of it have not`);
    return true;
  }
}
