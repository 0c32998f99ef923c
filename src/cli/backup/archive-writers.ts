/** Backups as they are written. Both appear under their name only when they are whole and durable. */
import { mkdirSync, rmSync } from 'node:fs';
import { mkdir, open, rename, rm, type FileHandle } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { syncFolder } from '../sync-folder.js';
import { BLOBS, type ArchiveWriter } from './archive.js';
import { BLOCK, paddingAfter, tarHeader } from './tar-format.js';

/** A tar file if the path ends so, else a folder. Nothing may be there yet. */
export async function createArchive(path: string): Promise<ArchiveWriter> {
  return path.endsWith('.tar') ? TarWriter.open(path) : new FolderWriter(path);
}

class FolderWriter implements ArchiveWriter {
  private readonly part: string;

  constructor(private readonly path: string) {
    this.part = `${path}.part`;
    rmSync(this.part, { recursive: true, force: true });
    mkdirSync(join(this.part, BLOBS), { recursive: true, mode: 0o700 });
  }

  async add(path: string, bytes: number, content: AsyncIterable<Buffer>): Promise<void> {
    const file = await open(join(this.part, path), 'wx', 0o600);
    try {
      checkLength(path, bytes, await append(file, content));
      await file.datasync();
    } finally {
      await file.close();
    }
  }

  async finish(): Promise<void> {
    syncFolder(join(this.part, BLOBS));
    syncFolder(this.part);
    await rename(this.part, this.path);
    syncFolder(dirname(resolve(this.path)));
  }

  async abort(): Promise<void> {
    await rm(this.part, { recursive: true, force: true });
  }
}

class TarWriter implements ArchiveWriter {
  private constructor(
    private readonly path: string,
    private readonly file: FileHandle,
  ) {}

  static async open(path: string): Promise<TarWriter> {
    await mkdir(dirname(resolve(path)), { recursive: true });
    return new TarWriter(path, await open(`${path}.part`, 'w', 0o600));
  }

  async add(path: string, bytes: number, content: AsyncIterable<Buffer>): Promise<void> {
    await this.file.write(tarHeader({ path, bytes }));
    checkLength(path, bytes, await append(this.file, content));
    await this.file.write(paddingAfter(bytes));
  }

  async finish(): Promise<void> {
    await this.file.write(Buffer.alloc(2 * BLOCK));
    await this.file.datasync();
    await this.file.close();
    await rename(`${this.path}.part`, this.path);
    syncFolder(dirname(resolve(this.path)));
  }

  async abort(): Promise<void> {
    await this.file.close();
    await rm(`${this.path}.part`, { force: true });
  }
}

/** Returns the number of bytes. */
async function append(file: FileHandle, content: AsyncIterable<Buffer>): Promise<number> {
  let bytes = 0;
  for await (const chunk of content) {
    for (let from = 0; from < chunk.length;) from += (await file.write(chunk, from)).bytesWritten;
    bytes += chunk.length;
  }
  return bytes;
}

function checkLength(path: string, expected: number, actual: number): void {
  if (actual !== expected) throw new Error(`${path} has ${actual} bytes instead of ${expected}`);
}
