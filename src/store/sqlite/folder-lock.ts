import path from 'node:path';
import Database from 'better-sqlite3';

/**
 * One server per data folder. The lock is an exclusive transaction on a small SQLite file: the operating system frees
 * it the moment its holder dies, however it dies, so holding it proves that every earlier server on this folder is dead.
 */
export class FolderLock {
  private constructor(private readonly database: Database.Database) {}

  static acquire(dataDir: string): FolderLock {
    const database = new Database(path.join(dataDir, 'lock.sqlite'), { timeout: 0 });
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
