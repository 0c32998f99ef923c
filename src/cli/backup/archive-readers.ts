/** Backups as they are read, file by file, in whatever order they were put in. */
import { createReadStream, statSync } from 'node:fs';
import { open, readdir, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { CliError } from '../cli-error.js';
import type { ArchivedFile } from './archive.js';
import { BLOCK, paddingAfter, readTarHeader } from './tar-format.js';

const READ_BYTES = 256 * 1024;

/** @throws CliError when there is nothing at `path` */
export function readArchive(path: string): AsyncGenerator<ArchivedFile> {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) throw new CliError(`There is no backup at ${path}.`);
  return stat.isDirectory() ? readFolder(path) : readTar(path);
}

async function* readFolder(folder: string): AsyncGenerator<ArchivedFile> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  for (const entry of entries) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name).slice(join(folder, '/').length);
    yield { path, content: createReadStream(join(folder, path)) as AsyncIterable<Buffer> };
  }
}

async function* readTar(path: string): AsyncGenerator<ArchivedFile> {
  const file = await open(path, 'r');
  try {
    for (let at = 0; ;) {
      const header = readTarHeader(await readBlock(file, at));
      if (header === null) return;
      const start = at + BLOCK;
      yield { path: header.path, content: contentOf(file, start, header.bytes) };
      at = start + header.bytes + paddingAfter(header.bytes).length;
    }
  } finally {
    await file.close();
  }
}

async function readBlock(file: FileHandle, at: number): Promise<Buffer> {
  const block = Buffer.alloc(BLOCK);
  const { bytesRead } = await file.read(block, 0, BLOCK, at);
  if (bytesRead < BLOCK) throw new Error('it ends too soon');
  return block;
}

async function* contentOf(file: FileHandle, start: number, bytes: number): AsyncGenerator<Buffer> {
  for (let done = 0; done < bytes;) {
    const chunk = Buffer.allocUnsafe(Math.min(READ_BYTES, bytes - done));
    const { bytesRead } = await file.read(chunk, 0, chunk.length, start + done);
    if (bytesRead === 0) throw new Error('it ends too soon');
    yield chunk.subarray(0, bytesRead);
    done += bytesRead;
  }
}
