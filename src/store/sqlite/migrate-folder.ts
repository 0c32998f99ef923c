import { FolderLock } from './folder-lock.js';
import { openSqlite, sqliteFileIn } from './sqlite-data-source.js';
import { migrateSqlite } from './sqlite-migrations.js';

/** Brings the schema in a folder up to date; returns the names of what was run. Throws while a server runs there. */
export async function migrateFolder(dataDir: string): Promise<string[]> {
  const file = sqliteFileIn(dataDir);
  const lock = FolderLock.acquire(dataDir);
  try {
    const dataSource = await openSqlite(file, 'write');
    try {
      return await migrateSqlite(dataSource);
    } finally {
      await dataSource.destroy();
    }
  } finally {
    lock.release();
  }
}
