import { existsSync } from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';

const LOCK_FILE = 'lock.sqlite';

/**
 * One server per data folder. The lock is an exclusive transaction on a small SQLite file: the operating system frees
 * it the moment its holder dies, however it dies, so holding it proves that every earlier server on this folder is dead.
 */
export class FolderLock {
  private constructor(private readonly database: Database.Database) {}

  static acquire(dataDir: string): FolderLock {
    const database = new Database(path.join(dataDir, LOCK_FILE), { timeout: 0 });
    try {
      database.exec('BEGIN EXCLUSIVE');
    } catch (error) {
      database.close();
      if ((error as { code?: unknown }).code !== 'SQLITE_BUSY') throw error;
      throw new Error(
        `another Millrace server is running on the folder ${dataDir}; stop it, or set MILLRACE_DATA_DIR`,
        { cause: error },
      );
    }
    return new FolderLock(database);
  }

  release(): void {
    this.database.close();
  }
}

/** Whether a server runs on this folder. Takes nothing and makes nothing. */
export function isFolderLocked(dataDir: string): boolean {
  const file = path.join(dataDir, LOCK_FILE);
  if (!existsSync(file)) return false;
  const database = new Database(file, { readonly: true, timeout: 0 });
  try {
    database.prepare('SELECT 1 FROM sqlite_schema').get();
    return false;
  } catch (error) {
    if ((error as { code?: unknown }).code === 'SQLITE_BUSY') return true;
    throw error;
  } finally {
    database.close();
  }
}
