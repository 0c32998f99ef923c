import { mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Makes the folders below `root`, open to nobody else, and remembers which are done. */
export class DurableFolders {
  private readonly prepared = new Map<string, Promise<void>>();

  constructor(private readonly root: string) {}

  /** After this the folder's name survives a power cut. Syncs even a folder that exists: who made it may have died before. */
  prepare(folder: string): Promise<void> {
    const known = this.prepared.get(folder);
    if (known) return known;
    const prepared = this.make(folder);
    this.prepared.set(folder, prepared);
    // The caller gets the error; the next one tries again.
    prepared.catch(() => this.prepared.delete(folder));
    return prepared;
  }

  private async make(folder: string): Promise<void> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    for (let path = folder; path !== this.root;) {
      path = dirname(path);
      await syncFolder(path);
    }
  }
}

/** Makes the names in this folder durable; the sync of a file covers its bytes but not its name. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
