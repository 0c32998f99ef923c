/** A backup put back, or only checked: every byte against the manifest, and the database against itself and the blobs. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FsBlobStore } from '../../adapters/embedded/fs-blob-store.js';
import { prepareDataFolder } from '../../config/generated-secrets.js';
import { messageOf } from '../../kernel/errors.js';
import { FolderLock } from '../../store/sqlite/folder-lock.js';
import { SqliteInspection } from '../../store/sqlite/sqlite-inspection.js';
import { CliError } from '../cli-error.js';
import { syncFolder } from '../sync-folder.js';
import {
  BLOBS,
  DATABASE,
  isKnownPath,
  MANIFEST,
  Meter,
  type ArchivedFile,
  type Manifest,
  type ManifestEntry,
} from './archive.js';
import { readArchive } from './archive-readers.js';
import { compareCounts, compareEntries, missingBlobs, parseManifest } from './backup-check.js';

/** Where the files of a backup go. */
interface Destination {
  /** A folder for the database, under a name that no server takes for one. */
  databasePath: string;
  put: (path: string, content: AsyncIterable<Buffer>) => Promise<void>;
}

/** Checks a backup and writes nothing that stays. Throws CliError that lists all that is wrong. */
export async function verifyBackup(path: string): Promise<Manifest> {
  const work = mkdtempSync(join(tmpdir(), 'millrace-verify-'));
  const databasePath = join(work, DATABASE);
  try {
    const put = async (name: string, content: AsyncIterable<Buffer>) => {
      if (name === DATABASE) return writeFile(databasePath, content);
      for await (const _ of content); // only what passes is measured
    };
    return await readInto(path, { databasePath, put });
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/**
 * Checks a backup while it is written into `dataDir`, which becomes the folder of a server only when all is right; else it
 * is as it was.
 *
 * @throws CliError when the folder holds anything, or the backup is not whole
 */
export async function restoreBackup(path: string, dataDir: string): Promise<Manifest> {
  const isNew = prepareEmpty(dataDir);
  const lock = FolderLock.acquire(dataDir);
  const blobs = new FsBlobStore(dataDir);
  const databasePath = join(dataDir, `${DATABASE}.restoring`);
  try {
    await blobs.open();
    const put = (name: string, content: AsyncIterable<Buffer>) => {
      if (name.startsWith(BLOBS)) return writeBlob(blobs, name.slice(BLOBS.length), content);
      return writeFile(name === DATABASE ? databasePath : join(dataDir, name), content);
    };
    const manifest = await readInto(path, { databasePath, put });
    await rename(databasePath, join(dataDir, DATABASE));
    syncFolder(dataDir);
    await blobs.close();
    lock.release();
    return manifest;
  } catch (error) {
    await blobs.close();
    lock.release();
    for (const name of readdirSync(dataDir)) rmSync(join(dataDir, name), { recursive: true, force: true });
    if (isNew) rmSync(dataDir, { recursive: true, force: true });
    throw error;
  }
}

/** Returns whether the folder was made now. Leaves one that holds anything as it is. */
function prepareEmpty(dataDir: string): boolean {
  const isNew = mkdirSync(dataDir, { recursive: true, mode: 0o700 }) !== undefined;
  if (readdirSync(dataDir).length > 0) {
    throw new CliError(`${dataDir} is not empty. Restore into a new folder with --data-dir, then look at both.`);
  }
  prepareDataFolder(dataDir);
  return isNew;
}

async function readInto(path: string, { databasePath, put }: Destination): Promise<Manifest> {
  const found: ManifestEntry[] = [];
  let manifest: Manifest | null = null;
  const problems: string[] = [];
  try {
    for await (const file of readArchive(path)) {
      if (!isKnownPath(file.path)) problems.push(`${file.path} does not belong into a backup`);
      else if (file.path === MANIFEST) manifest = parseManifest(await textOf(file));
      else found.push(await measured(file, put));
    }
  } catch (error) {
    throw error instanceof CliError ? error : new CliError(`${path} cannot be read: ${messageOf(error)}.`);
  }
  if (manifest === null) throw new CliError(`${path} is no backup, or one that was cut off: it has no ${MANIFEST}.`);
  problems.push(...compareEntries(manifest.entries, found));
  if (problems.length === 0) problems.push(...(await checkDatabase(databasePath, manifest)));
  if (problems.length > 0)
    throw new CliError([`${path} is damaged:`, ...problems.map((line) => `  ${line}`)].join('\n'));
  return manifest;
}

async function measured({ path, content }: ArchivedFile, put: Destination['put']): Promise<ManifestEntry> {
  const meter = new Meter();
  await put(path, meter.through(content));
  return { path, bytes: meter.bytes, sha256: meter.sha256() };
}

async function checkDatabase(file: string, manifest: Manifest): Promise<string[]> {
  const inspection = await SqliteInspection.open(file);
  try {
    const damage = inspection.damage(true);
    if (damage.length > 0) return damage.map((line) => `the database: ${line}`);
    await inspection.pendingMigrations(); // refuses what a newer version has written
    return [
      ...compareCounts(manifest.counts, inspection.counts()),
      ...missingBlobs(inspection.promisedBlobs(), manifest.entries),
    ];
  } catch (error) {
    return [`the database: ${messageOf(error)}`];
  } finally {
    await inspection.close();
  }
}

async function textOf({ content }: ArchivedFile): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of content) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

async function writeBlob(blobs: FsBlobStore, key: string, content: AsyncIterable<Buffer>): Promise<void> {
  const writer = await blobs.create(key);
  try {
    for await (const chunk of content) await writer.write(chunk);
    await writer.commit();
  } catch (error) {
    await writer.abort();
    throw error;
  }
}

async function writeFile(path: string, content: AsyncIterable<Buffer>): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    for await (const chunk of content) await file.writeFile(chunk);
    await file.datasync();
  } finally {
    await file.close();
  }
}
