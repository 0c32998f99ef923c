/**
 * Blobs as files: `<dataDir>/blobs/<last character>/<one before>/<key>`. Ids end in random hex digits, so this makes 256
 * folders that fill evenly and, once made, cost nothing.
 *
 * Invariant: what lies under `blobs/` is whole and durable; what is not yet lies under `tmp/` and dies with the process.
 */
import { randomUUID } from 'node:crypto';
import { chmod, mkdir, open, readdir, rm, stat, statfs, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { MillraceError } from '../../kernel/errors.js';
import { BlobStore, type BlobKey, type BlobStat, type BlobWriter } from '../../ports/blob-store.js';
import { DurableFolders, syncFolder } from './durable-folders.js';
import { FsBlobWriter } from './fs-blob-writer.js';
import { isMissing } from './fs-errors.js';
import { OpenBlobs } from './open-blobs.js';

/** Keys become file names, so this pattern is what keeps every path inside the folder. */
const KEY_PATTERN = /^[A-Za-z0-9_-]{1,200}$/;
const READ_BYTES = 256 * 1024;

export class FsBlobStore extends BlobStore {
  private readonly blobsFolder: string;
  private readonly temporaryFolder: string;
  private readonly openBlobs = new OpenBlobs((key) => this.openToRead(key));
  private readonly writers = new Set<FsBlobWriter>();
  private readonly folders: DurableFolders;

  constructor(private readonly dataDir: string) {
    super();
    this.blobsFolder = join(dataDir, 'blobs');
    this.temporaryFolder = join(dataDir, 'tmp');
    this.folders = new DurableFolders(this.blobsFolder);
  }

  /**
   * Makes the folders and removes what a dead process left half-written. Call it once, before anything else, and only
   * while holding the lock of the data folder: a living process's unfinished blobs would go as well.
   */
  async open(): Promise<void> {
    await rm(this.temporaryFolder, { recursive: true, force: true });
    for (const folder of [this.blobsFolder, this.temporaryFolder]) {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await chmod(folder, 0o700);
    }
    await syncFolder(this.dataDir);
  }

  /** Closes every file; unfinished writers are aborted. */
  async close(): Promise<void> {
    await Promise.all([...this.writers].map((writer) => writer.abort()));
    await this.openBlobs.close();
  }

  override async create(key: string): Promise<BlobWriter> {
    const finalPath = this.pathOf(key);
    const writer = await FsBlobWriter.open({
      temporaryPath: join(this.temporaryFolder, `${key}.${randomUUID()}`),
      finalPath,
      prepareFolder: () => this.folders.prepare(dirname(finalPath)),
      onEnd: async (ended) => {
        this.writers.delete(ended);
        await this.openBlobs.drop(key);
      },
    });
    this.writers.add(writer);
    return writer;
  }

  override async read(key: string, start = 0, end = Number.POSITIVE_INFINITY): Promise<Readable> {
    checkRange(start, end - start);
    const file = await this.openToRead(key);
    if (end === start) {
      await file.close();
      return Readable.from([]);
    }
    return file.createReadStream({ start, end: end - 1, highWaterMark: READ_BYTES });
  }

  override async readRange(key: string, start: number, length: number): Promise<Buffer> {
    checkRange(start, length);
    return this.openBlobs.use(key, async ({ file, bytes }) => {
      const wanted = Math.max(0, Math.min(length, bytes - start));
      const range = Buffer.allocUnsafe(wanted);
      const { bytesRead } = await file.read(range, 0, wanted, start);
      if (bytesRead < wanted) throw new Error(`Blob '${key}' is damaged: it ends before its ${bytes} bytes`);
      return range;
    });
  }

  override async stat(key: string): Promise<BlobStat | null> {
    const found = await statOrNull(this.pathOf(key));
    return found && { bytes: found.size };
  }

  /** Not synced: after a power cut the file may be back, and is then an orphan like any other. */
  override async delete(key: string): Promise<void> {
    await rm(this.pathOf(key), { force: true });
    // After the removal, so that no reader can open the file again and keep its space on the disk.
    await this.openBlobs.drop(key);
  }

  override async *keys(): AsyncIterable<BlobKey> {
    for (const outer of await subfolders(this.blobsFolder)) {
      for (const folder of await subfolders(outer)) {
        for (const key of await readdir(folder)) {
          const found = KEY_PATTERN.test(key) ? await statOrNull(join(folder, key)) : null;
          if (found) yield { key, modifiedAt: Math.floor(found.mtimeMs) };
        }
      }
    }
  }

  override async freeBytes(): Promise<number> {
    const disk = await statfs(this.dataDir);
    return disk.bavail * disk.bsize;
  }

  private pathOf(key: string): string {
    if (!KEY_PATTERN.test(key)) throw new TypeError(`Not a blob key: ${JSON.stringify(key)}`);
    return join(this.blobsFolder, key.slice(-1), key.slice(-2, -1) || '_', key);
  }

  private async openToRead(key: string): Promise<FileHandle> {
    try {
      return await open(this.pathOf(key), 'r');
    } catch (error) {
      throw isMissing(error) ? new MillraceError('not_found', `No such blob: '${key}'.`, { cause: error }) : error;
    }
  }
}

function checkRange(start: number, length: number): void {
  const isRange = Number.isSafeInteger(start) && start >= 0 && length >= 0;
  if (!isRange) throw new RangeError(`Not a range of bytes: ${length} from ${start}`);
}

async function statOrNull(path: string): Promise<{ size: number; mtimeMs: number } | null> {
  try {
    return await stat(path);
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

async function subfolders(path: string): Promise<string[]> {
  const entries = await readdir(path, { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map((entry) => join(path, entry.name));
}
