import { mkdirSync } from 'node:fs';
import path from 'node:path';
import type BetterSqlite3 from 'better-sqlite3';
import { DataSource } from 'typeorm';
import { ALL_ENTITIES } from '../entities/all-entities.js';

export const SQLITE_FILE = 'millrace.sqlite';

/** Where the one file lives; the folder is made if it is missing. */
export function sqliteFileIn(dataDir: string): string {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  return path.join(dataDir, SQLITE_FILE);
}

/**
 * SQLite before 3.51.3 can corrupt a database when its write-ahead log is reset at a bad moment; nothing may run on it.
 * Source: SQLite's release notes of 3.51.3.
 */
const OLDEST_SAFE_SQLITE = [3, 51, 3] as const;

/** The writer works on the same pages again and again; readers find theirs in the page cache of the system. */
const CACHE_KIB = { write: 8 * 1024, read: 2 * 1024 } as const;

export async function openSqlite(file: string, access: 'write' | 'read'): Promise<DataSource> {
  const dataSource = new DataSource({
    type: 'better-sqlite3',
    database: file,
    readonly: access === 'read',
    entities: ALL_ENTITIES,
    synchronize: false,
    logging: false,
    // The usual logger prints failed migrations as plain text, whatever `logging` says; the error itself says enough.
    logger: 'debug',
    prepareDatabase: (database: BetterSqlite3.Database) => prepare(database, access),
  });
  return dataSource.initialize();
}

function prepare(database: BetterSqlite3.Database, access: 'write' | 'read'): void {
  refuseUnsafeSqlite(database);
  if (access === 'write') {
    // Only has an effect before the first table; lets the cleaner give space back to the disk.
    database.pragma('auto_vacuum = INCREMENTAL');
    database.pragma('journal_mode = WAL');
    // The compiled default is NORMAL, which does not sync before it answers. TypeORM's `enableWAL` leaves it there.
    database.pragma('synchronous = FULL');
  }
  database.pragma(`cache_size = -${CACHE_KIB[access]}`);
  database.pragma('temp_store = MEMORY');
  database.pragma('busy_timeout = 5000');
}

function refuseUnsafeSqlite(database: BetterSqlite3.Database): void {
  const version = database.prepare('SELECT sqlite_version()').pluck().get() as string;
  const parts = version.split('.').map(Number);
  for (const [place, oldest] of OLDEST_SAFE_SQLITE.entries()) {
    const part = parts[place] ?? 0;
    if (part > oldest) return;
    if (part < oldest) throw new Error(`SQLite ${version} is not safe to use: 3.51.3 or newer is needed`);
  }
}

/** The driver's own handle, for prepared statements; TypeORM's would be made anew at each call. */
export function handleOf(dataSource: DataSource): BetterSqlite3.Database {
  return (dataSource.driver as unknown as { databaseConnection: BetterSqlite3.Database }).databaseConnection;
}
