/**
 * Bytes flow into a file under `tmp/`; `commit` makes them durable and moves the file to its place, so that under the
 * final name there is never half a blob. The order of the steps in `finish` is what a power cut tests.
 */
import { open, rename, rm, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { crashPoint } from '../../kernel/crash-point.js';
import type { BlobWriter } from '../../ports/blob-store.js';
import { syncFolder } from './durable-folders.js';
import { storageErrorOf } from './fs-errors.js';

/** Small chunks are gathered to writes of this size; what the writer holds in memory never exceeds it. */
const WRITE_BYTES = 256 * 1024;

export interface BlobPlace {
  temporaryPath: string;
  finalPath: string;
  /** Makes sure that the folder of `finalPath` exists, durably. */
  prepareFolder: () => Promise<void>;
  /** Told once, when the writer has ended either way. */
  onEnd: (writer: FsBlobWriter) => Promise<void>;
}

export class FsBlobWriter implements BlobWriter {
  private readonly buffer = Buffer.allocUnsafeSlow(WRITE_BYTES);
  private filled = 0;
  /** All writes so far, one after the other; once rejected, it stays so and the writer is of no more use. */
  private writes: Promise<void> = Promise.resolve();
  private committing: Promise<void> | null = null;
  private aborting: Promise<void> | null = null;
  private isCommitted = false;
  private path: string;

  private constructor(
    private readonly file: FileHandle,
    private readonly place: BlobPlace,
  ) {
    this.path = place.temporaryPath;
  }

  static async open(place: BlobPlace): Promise<FsBlobWriter> {
    try {
      return new FsBlobWriter(await open(place.temporaryPath, 'wx', 0o600), place);
    } catch (error) {
      throw storageErrorOf(error);
    }
  }

  write(chunk: Buffer): Promise<void> {
    if (this.committing || this.aborting) return Promise.reject(new Error('This blob writer has ended'));
    this.writes = this.writes.then(() => this.append(chunk));
    return this.writes;
  }

  commit(): Promise<void> {
    if (this.aborting && !this.committing) return Promise.reject(new Error('This blob writer was aborted'));
    this.committing ??= this.finish();
    return this.committing;
  }

  abort(): Promise<void> {
    this.aborting ??= this.discard();
    return this.aborting;
  }

  private async append(chunk: Buffer): Promise<void> {
    if (this.filled + chunk.length > WRITE_BYTES) await this.flush();
    if (chunk.length >= WRITE_BYTES) {
      await this.writeOut(chunk);
    } else {
      this.filled += chunk.copy(this.buffer, this.filled);
    }
  }

  private async flush(): Promise<void> {
    const gathered = this.buffer.subarray(0, this.filled);
    this.filled = 0;
    await this.writeOut(gathered);
  }

  private async writeOut(bytes: Buffer): Promise<void> {
    try {
      for (let from = 0; from < bytes.length;) {
        from += (await this.file.write(bytes, from, bytes.length - from)).bytesWritten;
      }
    } catch (error) {
      throw storageErrorOf(error);
    }
  }

  private async finish(): Promise<void> {
    await this.writes;
    await this.flush();
    try {
      await this.file.datasync();
      await this.file.close();
      await this.place.prepareFolder();
      crashPoint('blob.before_commit');
      await rename(this.path, this.place.finalPath);
      this.path = this.place.finalPath;
      crashPoint('blob.after_commit');
      await syncFolder(dirname(this.path));
    } catch (error) {
      throw storageErrorOf(error);
    }
    this.isCommitted = true;
    await this.place.onEnd(this);
  }

  /** A commit that is under way wins; after one that failed, this takes away what it left, even at the final place. */
  private async discard(): Promise<void> {
    await Promise.allSettled([this.writes, this.committing]);
    if (this.isCommitted) return;
    await this.file.close();
    await rm(this.path, { force: true });
    await this.place.onEnd(this);
  }
}
