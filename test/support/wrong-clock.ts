/**
 * A server's wall clock in the hands of a test: from one moment to the next it is wrong by hours. Two ways to do it: by a
 * module that is loaded into the server, which works anywhere, and by libfaketime, which also deceives what is not
 * JavaScript (`apt-get install libfaketime`, or its path in `LIBFAKETIME`).
 */
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { ServerEnv } from './server.js';

export type ClockKind = 'module' | 'libfaketime';

const MODULE = pathToFileURL(join(import.meta.dirname, 'shifted-clock.js')).href;
const LIBRARY = [
  process.env['LIBFAKETIME'],
  '/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1',
  '/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1',
  '/usr/lib/faketime/libfaketimeMT.so.1',
].find((path) => path !== undefined && existsSync(path));

/** What this machine has. */
export const CLOCK_KINDS: readonly ClockKind[] = LIBRARY === undefined ? ['module'] : ['module', 'libfaketime'];

export class WrongClock {
  private readonly file: string;

  constructor(
    private readonly kind: ClockKind,
    /** Path of a folder for its own files. */
    folder: string,
  ) {
    this.file = join(folder, 'clock');
  }

  /** What the server has to be started with. */
  get env(): ServerEnv {
    if (this.kind === 'module') return { NODE_OPTIONS: `--import=${MODULE}`, SHIFTED_CLOCK_FILE: this.file };
    return {
      LD_PRELOAD: LIBRARY!,
      FAKETIME_TIMESTAMP_FILE: this.file,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    };
  }

  /** From now on it is wrong by this many hours; 0 is the right time. Set it once before the server starts. */
  async set(hours: number): Promise<void> {
    await writeFile(this.file, this.kind === 'module' ? String(hours * 3_600_000) : `${hours < 0 ? '' : '+'}${hours}h`);
  }
}
