import { Injectable } from '@nestjs/common';
import { Clock } from '../../kernel/clock.js';
import { BlobStore } from '../../ports/blob-store.js';
import { FileStore } from '../../store/file.store.js';
import { AppLogger } from '../../telemetry/logger.js';
import { Sweep } from './sweep.js';

/**
 * A blob that is younger may belong to a write that has not committed yet. So long, because an object store dates a blob by
 * when its upload was begun, which may be a day before its row is written.
 */
const MIN_AGE_MS = 48 * 3_600_000;

/** Deletes blobs that no row names: left behind where a process died between the bytes and the row. */
@Injectable()
export class OrphanCleaner extends Sweep {
  override readonly name = 'clean-orphans';
  override readonly intervalMs = 3_600_000;

  constructor(
    private readonly blobs: BlobStore,
    private readonly files: FileStore,
    private readonly clock: Clock,
    private readonly logger: AppLogger,
  ) {
    super();
  }

  override async run(): Promise<boolean> {
    let deleted = 0;
    const youngest = this.clock.now() - MIN_AGE_MS;
    for await (const { key, modifiedAt } of this.blobs.keys()) {
      if (modifiedAt > youngest || (await this.files.isBlobKnown(key))) continue;
      await this.blobs.delete(key);
      deleted += 1;
    }
    if (deleted > 0) this.logger.info({ deleted }, 'blobs that nothing referred to were deleted');
    return false;
  }
}
