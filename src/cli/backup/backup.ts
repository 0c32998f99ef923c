/**
 * Copies all that a server keeps, while it runs. The database is copied as it was at one moment, then the blobs it
 * refers to. A blob that is gone by then was deleted meanwhile: a later moment is taken, at which it is not missed.
 */
import { createReadStream, existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { FsBlobStore } from '../../adapters/embedded/fs-blob-store.js';
import { VERSION } from '../../config/version.js';
import { MillraceError } from '../../kernel/errors.js';
import type { PromisedBlob, StoreCounts } from '../../store/inspection.js';
import { SQLITE_FILE } from '../../store/sqlite/sqlite-data-source.js';
import { SqliteInspection } from '../../store/sqlite/sqlite-inspection.js';
import { CliError } from '../cli-error.js';
import {
  BLOBS,
  DATABASE,
  KEY_FILES,
  MANIFEST,
  Meter,
  type ArchiveWriter,
  type Manifest,
  type ManifestEntry,
} from './archive.js';
import { createArchive } from './archive-writers.js';

export interface BackupResult {
  path: string;
  bytes: number;
  counts: StoreCounts;
  blobs: number;
  /** Generated keys that are in it. What comes from variables is not. */
  keyFiles: string[];
}

/** A server that deletes files faster than they are copied is not something to wait for. */
const MOST_MOMENTS = 10;

/** @throws CliError when there is no data, or something is at `path` */
export async function backUp(dataDir: string, path: string): Promise<BackupResult> {
  if (!existsSync(join(dataDir, SQLITE_FILE))) {
    throw new CliError(`No server has run on ${dataDir}. Name its data folder with --data-dir.`);
  }
  if (existsSync(path)) throw new CliError(`${path} is there already; a backup replaces nothing.`);
  if (resolve(path).startsWith(`${resolve(dataDir)}/`)) throw new CliError('A backup inside the data folder is none.');
  // Beside the backup: there is room for it, or none for the backup either.
  const work = mkdtempSync(
    join(existsSync(dirname(resolve(path))) ? dirname(resolve(path)) : tmpdir(), '.millrace-backup-'),
  );
  const archive = await createArchive(path);
  try {
    const result = await new Backup(dataDir, work, archive).run();
    await archive.finish();
    return { path, ...result };
  } catch (error) {
    await archive.abort();
    throw error;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

class Backup {
  private readonly entries: ManifestEntry[] = [];
  private readonly copied = new Set<string>();
  private readonly blobs: FsBlobStore;

  constructor(
    private readonly dataDir: string,
    private readonly work: string,
    private readonly archive: ArchiveWriter,
  ) {
    this.blobs = new FsBlobStore(dataDir);
  }

  async run(): Promise<Omit<BackupResult, 'path'>> {
    const { file, counts } = await this.settleOnMoment();
    await this.addFile(DATABASE, file);
    const keyFiles = KEY_FILES.filter((name) => existsSync(join(this.dataDir, name)));
    for (const name of keyFiles) await this.addFile(name, join(this.dataDir, name));
    const manifest: Manifest = {
      format: 1,
      version: VERSION,
      createdAt: new Date().toISOString(),
      counts,
      entries: this.entries,
    };
    const text = Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`);
    await this.archive.add(MANIFEST, text.length, once(text));
    const bytes = this.entries.reduce((sum, entry) => sum + entry.bytes, 0);
    return { bytes, counts, blobs: this.copied.size, keyFiles };
  }

  /** Copies the database, and the blobs until none is missing. */
  private async settleOnMoment(): Promise<{ file: string; counts: StoreCounts }> {
    for (let moment = 1; moment <= MOST_MOMENTS; moment += 1) {
      const file = join(this.work, `${moment}.sqlite`);
      const { blobs, counts } = await this.copyDatabase(file);
      if (await this.copyBlobs(blobs)) return { file, counts };
      rmSync(file);
    }
    throw new CliError('Files are missing that the database refers to. `millrace doctor` says which.');
  }

  private async copyDatabase(file: string): Promise<{ blobs: PromisedBlob[]; counts: StoreCounts }> {
    const original = await SqliteInspection.open(join(this.dataDir, SQLITE_FILE));
    try {
      await original.copyTo(file);
    } finally {
      await original.close();
    }
    const copy = await SqliteInspection.open(file);
    try {
      const damage = copy.damage(false);
      if (damage.length > 0)
        throw new CliError(`The database is damaged: ${damage[0]}. \`millrace doctor --deep\` says more.`);
      return { blobs: copy.promisedBlobs(), counts: copy.counts() };
    } finally {
      await copy.close();
    }
  }

  /** False when one was gone. */
  private async copyBlobs(blobs: readonly PromisedBlob[]): Promise<boolean> {
    for (const blob of blobs) {
      if (!this.copied.has(blob.key) && !(await this.copyBlob(blob))) return false;
    }
    return true;
  }

  private async copyBlob({ key, sha256, bytes }: PromisedBlob): Promise<boolean> {
    const stat = await this.blobs.stat(key);
    if (stat === null) return false;
    const content = await this.blobs.read(key).catch((error: unknown) => {
      if (error instanceof MillraceError && error.code === 'not_found') return null;
      throw error;
    });
    if (content === null) return false;
    const entry = await this.add(BLOBS + key, stat.bytes, content as AsyncIterable<Buffer>);
    const isWhole = (bytes === null || entry.bytes === bytes) && (sha256 === null || entry.sha256 === sha256);
    if (!isWhole)
      throw new CliError(`The stored file ${key} is damaged: it is not what was written. Nothing was backed up.`);
    this.copied.add(key);
    return true;
  }

  private async addFile(path: string, source: string): Promise<void> {
    await this.add(path, statSync(source).size, createReadStream(source) as AsyncIterable<Buffer>);
  }

  private async add(path: string, bytes: number, content: AsyncIterable<Buffer>): Promise<ManifestEntry> {
    const meter = new Meter();
    await this.archive.add(path, bytes, meter.through(content));
    const entry = { path, bytes: meter.bytes, sha256: meter.sha256() };
    this.entries.push(entry);
    return entry;
  }
}

async function* once(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}
