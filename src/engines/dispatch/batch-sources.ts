import { Injectable } from '@nestjs/common';
import { BatchStore } from '../../store/batch.store.js';
import { FileStore } from '../../store/file.store.js';

/** Where the bodies of a batch's lines are and where they go; none of it ever changes. */
export interface BatchSource {
  batchSeq: number;
  blobKey: string;
  endpoint: string;
}

const MAX_KNOWN = 200;

/** Remembers the batches that are being worked on, so that a slice costs no look-up. */
@Injectable()
export class BatchSources {
  private readonly known = new Map<number, Promise<BatchSource>>();

  constructor(
    private readonly batches: BatchStore,
    private readonly files: FileStore,
  ) {}

  of(batchSeq: number): Promise<BatchSource> {
    let source = this.known.get(batchSeq);
    if (!source) {
      if (this.known.size >= MAX_KNOWN) this.known.clear();
      source = this.load(batchSeq);
      source.catch(() => this.known.delete(batchSeq));
      this.known.set(batchSeq, source);
    }
    return source;
  }

  private async load(batchSeq: number): Promise<BatchSource> {
    const batch = await this.batches.bySeq(batchSeq);
    const blob = await this.files.blob(batch.inputBlobSeq);
    return { batchSeq, blobKey: blob.key, endpoint: batch.endpoint };
  }
}
