/**
 * Keeps the files of the blobs that were read last open, because a dispatcher cuts thousands of ranges from one input.
 * A file is never closed under a running read: the last reader of a dropped one closes it.
 */
import type { FileHandle } from 'node:fs/promises';

export interface OpenBlob {
  file: FileHandle;
  /** A finished blob never changes, so its size is read once. */
  bytes: number;
}

interface Entry {
  opened: Promise<OpenBlob>;
  readers: number;
  isDropped: boolean;
}

export class OpenBlobs {
  /** In order of last use, oldest first. */
  private readonly entries = new Map<string, Entry>();

  constructor(
    private readonly open: (key: string) => Promise<FileHandle>,
    private readonly capacity = 32,
  ) {}

  /** Runs `work` on the open blob; rejects with what `open` throws. */
  async use<T>(key: string, work: (blob: OpenBlob) => Promise<T>): Promise<T> {
    const entry = this.entries.get(key) ?? this.begin(key);
    this.entries.delete(key);
    this.entries.set(key, entry);
    entry.readers += 1;
    try {
      await this.evict();
      return await work(await entry.opened);
    } finally {
      entry.readers -= 1;
      await closeIfUnused(entry);
    }
  }

  /** Forgets the file of this blob, because it was deleted or replaced. */
  async drop(key: string): Promise<void> {
    const entry = this.entries.get(key);
    if (!entry) return;
    this.entries.delete(key);
    entry.isDropped = true;
    await closeIfUnused(entry);
  }

  async close(): Promise<void> {
    await Promise.all([...this.entries.keys()].map((key) => this.drop(key)));
  }

  private begin(key: string): Entry {
    const entry: Entry = { opened: this.openBlob(key), readers: 0, isDropped: false };
    entry.opened.catch(() => {
      // The reader gets the error; here it only means that there is nothing to keep.
      entry.isDropped = true;
      if (this.entries.get(key) === entry) this.entries.delete(key);
    });
    return entry;
  }

  private async openBlob(key: string): Promise<OpenBlob> {
    const file = await this.open(key);
    try {
      return { file, bytes: (await file.stat()).size };
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  private async evict(): Promise<void> {
    for (const key of this.entries.keys()) {
      if (this.entries.size <= this.capacity) return;
      await this.drop(key);
    }
  }
}

async function closeIfUnused(entry: Entry): Promise<void> {
  if (!entry.isDropped || entry.readers > 0) return;
  const opened = await entry.opened.catch(() => null);
  await opened?.file.close();
}
