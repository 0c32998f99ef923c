import { Injectable } from '@nestjs/common';
import { BlobStore } from '../../ports/blob-store.js';
import { FileStore } from '../../store/file.store.js';
import { Sweep } from './sweep.js';

const BLOBS_PER_STEP = 100;

/** Hides files whose time is over, and gives back the space of blobs that nothing refers to any more. */
@Injectable()
export class FileCleaner extends Sweep {
  override readonly name = 'clean-files';
  override readonly intervalMs = 5000;

  constructor(
    private readonly files: FileStore,
    private readonly blobs: BlobStore,
  ) {
    super();
  }

  override async run(): Promise<boolean> {
    if (await this.files.hasExpired()) await this.files.expire();
    if (!(await this.files.hasDeleted())) return false;
    const unused = await this.files.collectBlobs(BLOBS_PER_STEP);
    if (unused.length === 0) return false;
    // Bytes first, rows after: a crash between the two leaves a row whose blob is gone, and the next sweep drops it.
    for (const { key } of unused) await this.blobs.delete(key);
    await this.files.dropBlobs(unused.map(({ seq }) => seq));
    return unused.length === BLOBS_PER_STEP;
  }
}
