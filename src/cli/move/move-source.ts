/** What is moved: the folder of a server that does not run, or a backup, which is put into a folder for it. */
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { FsBlobStore } from '../../adapters/embedded/fs-blob-store.js';
import { messageOf } from '../../kernel/errors.js';
import type { SecretSealer } from '../../kernel/secret-sealer.js';
import { SqliteTables } from '../../store/move/sqlite-tables.js';
import { FolderLock, isFolderLocked } from '../../store/sqlite/folder-lock.js';
import { migrateFolder } from '../../store/sqlite/migrate-folder.js';
import { SQLITE_FILE } from '../../store/sqlite/sqlite-data-source.js';
import { SqliteInspection } from '../../store/sqlite/sqlite-inspection.js';
import { MANIFEST } from '../backup/archive.js';
import { restoreBackup } from '../backup/restore.js';
import { CliError } from '../cli-error.js';

export class MoveSource {
  readonly blobs: FsBlobStore;

  private constructor(
    /** What was named, absolute. */
    readonly path: string,
    readonly dataDir: string,
    readonly tables: SqliteTables,
    private readonly lock: FolderLock,
    private readonly temporary: string | null,
  ) {
    this.blobs = new FsBlobStore(dataDir);
  }

  /** Keeps servers away from the folder until it is closed. Throws CliError when it cannot be moved. */
  static async open(path: string): Promise<MoveSource> {
    const temporary = isBackup(path) ? mkdtempSync(join(tmpdir(), 'millrace-move-')) : null;
    try {
      const dataDir = temporary === null ? resolve(path) : join(temporary, 'data');
      if (temporary !== null) {
        await restoreBackup(path, dataDir);
        await migrateFolder(dataDir);
      }
      return await MoveSource.openFolder(resolve(path), dataDir, temporary);
    } catch (error) {
      if (temporary !== null) rmSync(temporary, { recursive: true, force: true });
      throw error;
    }
  }

  private static async openFolder(path: string, dataDir: string, temporary: string | null): Promise<MoveSource> {
    const file = join(dataDir, SQLITE_FILE);
    if (!existsSync(file)) throw new CliError(`${path} is neither the data folder of a server nor a backup of one.`);
    if (isFolderLocked(dataDir)) throw new CliError(`A server is running on ${path}. Stop it first, for good.`);
    const lock = FolderLock.acquire(dataDir);
    try {
      const tables = await SqliteTables.open(file);
      const source = new MoveSource(path, dataDir, tables, lock, temporary);
      const pending = await tables.pendingMigrations();
      if (pending.length === 0) return source;
      await tables.close();
      throw new CliError(
        `The folder was written by an older version. First: millrace migrate --data-dir ${dataDir}, without MILLRACE_MODE.`,
      );
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.tables.close();
    await this.blobs.close();
    this.lock.release();
    if (this.temporary !== null) rmSync(this.temporary, { recursive: true, force: true });
  }

  /** Throws CliError when a deployment with this secret could not open what is sealed here. */
  checkSecret(sealer: SecretSealer): void {
    try {
      for (const sealed of this.tables.sealedTexts()) sealer.open(sealed);
    } catch (error) {
      const file = join(this.path, 'secret.key');
      const where = existsSync(file) ? `to what is in ${file}` : 'to the one that the server there had';
      throw new CliError(`What is stored there cannot be opened: ${messageOf(error)}. Set MILLRACE_SECRET ${where}.`);
    }
  }

  /** Throws CliError when the database is damaged, or a file is missing that it refers to. */
  async checkWhole(): Promise<void> {
    const inspection = await SqliteInspection.open(join(this.dataDir, SQLITE_FILE));
    try {
      const problems = inspection.damage(false);
      for (const { key, bytes } of inspection.promisedBlobs()) {
        const stat = await this.blobs.stat(key);
        if (stat === null || (bytes !== null && stat.bytes !== bytes))
          problems.push(`the stored file ${key} is damaged`);
      }
      if (problems.length === 0) return;
      throw new CliError(`The data in ${this.path} is not whole: ${problems[0]}. \`millrace doctor\` says more.`);
    } finally {
      await inspection.close();
    }
  }
}

function isBackup(path: string): boolean {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) throw new CliError(`There is nothing at ${path}.`);
  return stat.isFile() || existsSync(join(path, MANIFEST));
}
