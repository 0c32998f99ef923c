/**
 * A disk of a few megabytes that a test can fill up: a tmpfs of its own where that may be mounted (Linux, as root), else a
 * folder on `/dev/shm`, if that is small as in containers. Where neither can be had the test fails and says so.
 */
import { spawnSync } from 'node:child_process';
import { mkdtemp, open, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { makeTemporaryFolder, type TemporaryFolder } from './temporary-folder.js';

const SHARED_MEMORY = '/dev/shm';
/** Filling up more than this would be felt by others. */
const MOST_SHARED_BYTES = 256 * 1024 * 1024;
const CHUNK = Buffer.alloc(64 * 1024, 'x');

export class SmallDisk implements TemporaryFolder {
  private constructor(
    readonly path: string,
    private readonly dispose: () => Promise<void>,
  ) {}

  /** @param megabytes its size, where that is ours to say */
  static async make(megabytes: number): Promise<SmallDisk> {
    const folder = await makeTemporaryFolder();
    const mount = spawnSync('mount', [
      '-t',
      'tmpfs',
      '-o',
      `size=${megabytes}m,mode=0700`,
      'millrace-test',
      folder.path,
    ]);
    if (mount.status === 0) {
      return new SmallDisk(folder.path, async () => {
        spawnSync('umount', ['--lazy', folder.path]);
        await folder.remove();
      });
    }
    await folder.remove();
    const shared = await statfs(SHARED_MEMORY).catch(() => null);
    if (shared === null || shared.blocks * shared.bsize > MOST_SHARED_BYTES) {
      throw new Error(
        `This test needs a small disk: root, who may mount a tmpfs (${String(mount.stderr ?? mount.error).trim()}), or a ` +
          `${SHARED_MEMORY} of at most ${MOST_SHARED_BYTES} bytes.`,
      );
    }
    const path = await mkdtemp(join(SHARED_MEMORY, 'millrace-test-'));
    return new SmallDisk(path, () => rm(path, { recursive: true, force: true }));
  }

  /** Takes all of its space but `leftBytes`. What was there stays. */
  async fill(leftBytes = 0): Promise<void> {
    const filler = await open(this.filler, 'a');
    try {
      for (let free = await this.freeBytes(); free > leftBytes; free = await this.freeBytes()) {
        await filler.write(CHUNK, 0, Math.min(CHUNK.length, free - leftBytes));
      }
    } catch (error) {
      if ((error as { code?: unknown }).code !== 'ENOSPC') throw error; // that is what was wanted
    } finally {
      await filler.close();
    }
  }

  /** Gives back what `fill` has taken. */
  async makeRoom(): Promise<void> {
    await rm(this.filler, { force: true });
  }

  async freeBytes(): Promise<number> {
    const { bavail, bsize } = await statfs(this.path);
    return bavail * bsize;
  }

  remove(): Promise<void> {
    return this.dispose();
  }

  private get filler(): string {
    return join(this.path, 'filler');
  }
}
