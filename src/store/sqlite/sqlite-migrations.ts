/** The schema of the SQLite mode: which files make it, and how they are run. */
import type { DataSource } from 'typeorm';
import { migrate, pendingMigrations } from '../migrator.js';
import { handleOf } from './sqlite-data-source.js';

const MIGRATIONS = new URL('../../../migrations/sqlite/', import.meta.url);

/** Returns the names of the migrations it ran. */
export function migrateSqlite(dataSource: DataSource): Promise<string[]> {
  return migrate(dataSource, MIGRATIONS, (runner, sql) => {
    handleOf(runner.dataSource).exec(sql);
    return Promise.resolve();
  });
}

/** Names of those that `migrateSqlite` would run; refuses a schema that a newer build has made. */
export function pendingSqliteMigrations(dataSource: DataSource): Promise<string[]> {
  return pendingMigrations(dataSource, MIGRATIONS);
}
