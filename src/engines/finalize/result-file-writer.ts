import { createHash, type Hash } from 'node:crypto';
import { newId } from '../../kernel/ids.js';
import type { BlobStore, BlobWriter } from '../../ports/blob-store.js';

/** A written result file, not yet visible to anybody. */
export interface WrittenFile {
  blobKey: string;
  bytes: number;
  sha256: string;
}

/** Bytes gathered before they are handed to the store. */
const FLUSH_FROM = 256 * 1024;

/** Writes one result file; the blob is begun with the first line, so an empty file is no file. */
export class ResultFileWriter {
  private readonly hash: Hash = createHash('sha256');
  private readonly key = newId('blob');
  private writer: BlobWriter | null = null;
  private text = '';
  private bytes = 0;

  constructor(private readonly blobs: BlobStore) {}

  add(text: string): void {
    this.text += text;
  }

  /** Whether enough has been added that it should be flushed. */
  get isFull(): boolean {
    return this.text.length >= FLUSH_FROM;
  }

  async flush(): Promise<void> {
    if (this.text === '') return;
    this.writer ??= await this.blobs.create(this.key);
    const chunk = Buffer.from(this.text);
    this.text = '';
    this.hash.update(chunk);
    this.bytes += chunk.length;
    await this.writer.write(chunk);
  }

  /** Null when nothing was written. */
  async commit(): Promise<WrittenFile | null> {
    await this.flush();
    if (!this.writer) return null;
    await this.writer.commit();
    return { blobKey: this.key, bytes: this.bytes, sha256: this.hash.digest('hex') };
  }

  async abort(): Promise<void> {
    await this.writer?.abort();
  }
}
