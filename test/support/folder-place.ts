/** The data folder of an embedded server. */
import { existsSync } from 'node:fs';
import { copyFile, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import type { DataSource } from 'typeorm';
import { SystemClock } from '../../src/kernel/clock.js';
import type { Database } from '../../src/store/database.js';
import { openSqlite, SQLITE_FILE, sqliteFileIn } from '../../src/store/sqlite/sqlite-data-source.js';
import { SqliteDatabase } from '../../src/store/sqlite/sqlite-database.js';
import type { Place, ServerEnv, StoredRows } from './place.js';
import { makeTemporaryFolder, type TemporaryFolder } from './temporary-folder.js';

const WRITER = new URL('../../dist/store/sqlite/writer.worker.js', import.meta.url);

export class FolderPlace implements Place {
  readonly folder: string;
  readonly env: ServerEnv;

  private constructor(private readonly temporary: TemporaryFolder) {
    this.folder = temporary.path;
    this.env = { MILLRACE_DATA_DIR: this.dataDir };
  }

  /** In a folder of its own unless one is given. */
  static async make(folder?: TemporaryFolder): Promise<FolderPlace> {
    return new FolderPlace(folder ?? (await makeTemporaryFolder()));
  }

  get dataDir(): string {
    return join(this.folder, 'data');
  }

  async adminKey(): Promise<string> {
    return (await readFile(join(this.dataDir, 'admin.key'), 'utf8')).trim();
  }

  /** The store is copied and the copy is looked into: opening the original would repair it, and that is the next server's task. */
  async examine<R>(look: (stored: StoredRows) => Promise<R>): Promise<R> {
    const copy = await makeTemporaryFolder();
    try {
      for (const name of await readdir(this.dataDir)) {
        const isNeeded = name === SQLITE_FILE || name === `${SQLITE_FILE}-wal`;
        if (isNeeded) await copyFile(join(this.dataDir, name), join(copy.path, name));
      }
      const database = new Sqlite(join(copy.path, SQLITE_FILE));
      try {
        return await look({
          rows: async <Row>(sql: string) => database.prepare(sql).all() as Row[],
          damage: async () => {
            const found = database.pragma('integrity_check') as { integrity_check: string }[];
            return found.map((row) => row.integrity_check).filter((line) => line !== 'ok');
          },
        });
      } finally {
        database.close();
      }
    } finally {
      await copy.remove();
    }
  }

  async alter(sql: string): Promise<number> {
    const database = new Sqlite(join(this.dataDir, SQLITE_FILE));
    try {
      return database.prepare(sql).run().changes;
    } finally {
      database.close();
    }
  }

  openDatabase(): Promise<Database> {
    const onDeath = (error: unknown): never => {
      throw error;
    };
    const clock = new SystemClock();
    return SqliteDatabase.open({ dataDir: this.dataDir, clock, crashAt: null, onDeath, writerEntry: WRITER });
  }

  openSource(): Promise<DataSource> {
    return openSqlite(sqliteFileIn(this.dataDir), 'write');
  }

  async blobKeys(): Promise<string[]> {
    return [...(await this.blobPaths()).keys()];
  }

  async blob(key: string): Promise<Buffer> {
    return readFile((await this.blobPaths()).get(key)!);
  }

  async damageBlob(key: string, bytes: Buffer | null): Promise<void> {
    const path = (await this.blobPaths()).get(key)!;
    await (bytes === null ? rm(path) : writeFile(path, bytes));
  }

  /** Paths of all finished blobs, by key. */
  async blobPaths(): Promise<Map<string, string>> {
    const blobs = join(this.dataDir, 'blobs');
    if (!existsSync(blobs)) return new Map(); // it died before it made the folder
    const entries = await readdir(blobs, { recursive: true, withFileTypes: true });
    return new Map(
      entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => [name, join(parentPath, name)]),
    );
  }

  readonly showsBeginnings = true;

  unfinishedNames(): Promise<string[]> {
    return readdir(join(this.dataDir, 'tmp'));
  }

  async storedNames(): Promise<string[]> {
    const folders = [join(this.dataDir, 'blobs'), join(this.dataDir, 'tmp')];
    const found = await Promise.all(folders.map((folder) => readdir(folder, { recursive: true, withFileTypes: true })));
    return found.flat().flatMap((entry) => (entry.isFile() ? [entry.name] : []));
  }

  async contents(): Promise<Buffer[]> {
    const entries = await readdir(this.dataDir, { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
    return Promise.all(files.map((path) => readFile(path)));
  }

  remove(): Promise<void> {
    return this.temporary.remove();
  }
}

/** Paths of all finished blobs of an embedded server, by key. */
export function blobPaths(place: Place): Promise<Map<string, string>> {
  if (!(place instanceof FolderPlace)) throw new Error('only an embedded server has its blobs in a folder');
  return place.blobPaths();
}
