/**
 * Bytes of an upload on their way to the blob store, hashed and counted as they pass. Until `commit` nobody can see them,
 * and `abort` leaves nothing of them, because what else the upload says may come after the bytes.
 */
import { createHash } from 'node:crypto';
import { crashPoint } from '../../kernel/crash-point.js';
import { MillraceError } from '../../kernel/errors.js';
import type { BlobWriter } from '../../ports/blob-store.js';
import { FirstLine } from './batch-file.js';

/** Free space is looked up once in so many bytes. */
const SPACE_CHECK_BYTES = 8 * 1024 * 1024;

export interface SpoolOptions {
  blobKey: string;
  writer: BlobWriter;
  maxBytes: number;
  /** Told how many bytes have come; refuses when its owner has no room for as many. */
  checkRoom: (bytes: number) => void;
  /** Refuses when there is too little space left. */
  checkSpace: () => Promise<void>;
}

export class SpooledFile {
  readonly firstLine = new FirstLine();
  private readonly hash = createHash('sha256');
  private count = 0;
  private checkedAt = 0;

  constructor(private readonly options: SpoolOptions) {}

  get blobKey(): string {
    return this.options.blobKey;
  }

  get bytes(): number {
    return this.count;
  }

  /** Refuses with `file_too_large`, `quota_exceeded` or `insufficient_storage`; then only `abort` is left. */
  async write(chunk: Buffer): Promise<void> {
    this.count += chunk.length;
    if (this.count > this.options.maxBytes) throw new MillraceError('file_too_large', 'File is too large.');
    this.options.checkRoom(this.count);
    if (this.count - this.checkedAt >= SPACE_CHECK_BYTES) {
      this.checkedAt = this.count;
      await this.options.checkSpace();
    }
    this.hash.update(chunk);
    this.firstLine.add(chunk);
    await this.options.writer.write(chunk);
    crashPoint('upload:streaming');
  }

  /** Makes the bytes durable; resolves with their SHA-256 in hex. */
  async commit(): Promise<string> {
    await this.options.writer.commit();
    return this.hash.digest('hex');
  }

  abort(): Promise<void> {
    return this.options.writer.abort();
  }
}
