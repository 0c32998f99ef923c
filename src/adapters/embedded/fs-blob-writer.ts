/**
 * Bytes flow into a file under `tmp/`; `commit` makes them durable and moves the file to its place, so that under the
 * final name there is never half a blob. The order of the steps in `finish` is what a power cut tests.
 */
import { open, rename, rm, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { crashPoint } from '../../kernel/crash-point.js';
import { EndingWriter } from '../local/ending-writer.js';
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

export class FsBlobWriter extends EndingWriter {
  private readonly buffer = Buffer.allocUnsafeSlow(WRITE_BYTES);
  private filled = 0;
  private path: string;

  private constructor(
    private readonly file: FileHandle,
    private readonly place: BlobPlace,
  ) {
    super();
    this.path = place.temporaryPath;
  }

  static async open(place: BlobPlace): Promise<FsBlobWriter> {
    try {
      return new FsBlobWriter(await open(place.temporaryPath, 'wx', 0o600), place);
    } catch (error) {
      throw storageErrorOf(error);
    }
  }

  protected override async append(chunk: Buffer): Promise<void> {
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

  protected override async finish(): Promise<void> {
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
  }

  protected override async discard(): Promise<void> {
    await this.file.close();
    await rm(this.path, { force: true });
  }

  protected override ended(): Promise<void> {
    return this.place.onEnd(this);
  }
}
