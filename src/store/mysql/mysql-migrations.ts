/**
 * The schema on MySQL. DDL commits by itself there, so a migration that is cut off has done some of its steps: each step is
 * written so that it may run again, and one whose effect is there already is passed over. A named lock lets one process
 * migrate while others wait; it goes with its connection.
 */
import type { DataSource, QueryRunner } from 'typeorm';
import { migrate, pendingMigrations, schemaDrift } from '../migrator.js';
import { openMysql } from './mysql-data-source.js';

export const MYSQL_MIGRATIONS = new URL('../../../migrations/mysql/', import.meta.url);

/** How long one process waits for another's migration, seconds. */
const LOCK_SECONDS = 60;
/** 1050 the table exists, 1060 the column, 1061 the index; 1091 there is none to drop. */
const DONE_ALREADY = new Set([1050, 1060, 1061, 1091]);
/** `MAX_BEHIND` migrations older is what servers of the version before have made: they may still be running. */
const MAX_BEHIND = 1;

/** Returns the names of the migrations it ran. Refuses a schema that a newer build has made. */
export async function migrateMysql(dataSource: DataSource, folder = MYSQL_MIGRATIONS): Promise<string[]> {
  const keeper = dataSource.createQueryRunner();
  const lock = `CONCAT('millrace-migrate:', LEFT(DATABASE(), 40))`;
  try {
    const [held] = (await keeper.query(`SELECT GET_LOCK(${lock}, ${LOCK_SECONDS}) AS isHeld`)) as { isHeld: number }[];
    if (held!.isHeld !== 1)
      throw new Error(`another process is migrating the database for more than ${LOCK_SECONDS} s`);
    const applied = await migrate(dataSource, folder, runScript);
    await keeper.query(`SELECT RELEASE_LOCK(${lock})`);
    return applied;
  } finally {
    await keeper.release();
  }
}

/** Names of those that `migrateMysql` would run; refuses a schema that a newer build has made. */
export function pendingMysqlMigrations(dataSource: DataSource): Promise<string[]> {
  return pendingMigrations(dataSource, MYSQL_MIGRATIONS);
}

/** Whether there is nothing to migrate for a process that may, or there is a schema for one that may not. */
export async function hasMysqlSchema(dataSource: DataSource, mayMigrate: boolean): Promise<boolean> {
  return mayMigrate ? (await pendingMysqlMigrations(dataSource)).length === 0 : hasSchema(dataSource);
}

/** Makes the schema where there is none, and refuses one that this build cannot work with: a newer one, or one too old. */
export async function prepareMysqlSchema(dataSource: DataSource, folder = MYSQL_MIGRATIONS): Promise<void> {
  if (await hasSchema(dataSource)) await checkMysqlSchema(dataSource, folder);
  else await migrateMysql(dataSource, folder); // one of those that start together does it
}

/** Refuses a schema that this build cannot work with: a newer one, or one that is too old, or none. */
export async function checkMysqlSchema(dataSource: DataSource, folder = MYSQL_MIGRATIONS): Promise<void> {
  const pending = await pendingMigrations(dataSource, folder);
  const isThere = await hasSchema(dataSource);
  if (isThere && pending.length <= MAX_BEHIND) return;
  const what = isThere ? `lacks the migrations ${pending.join(', ')}` : 'has no schema yet';
  throw new Error(`the database ${what}; run 'millrace migrate' first`);
}

/** Statements, or columns, that tell the schema from what this build expects; empty when it is that. */
export async function mysqlDrift(url: string): Promise<string[]> {
  const asker = await openMysql({ url, poolSize: 1, isForWriting: false });
  const [{ version }] = await asker.query<[{ version: string }]>('SELECT VERSION() AS version');
  // TypeORM does not compare how text is compared.
  const loose = await asker.query<{ name: string }[]>(
    `SELECT CONCAT(TABLE_NAME, '.', COLUMN_NAME) AS name FROM information_schema.COLUMNS
    WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME <> 'migration' AND COLLATION_NAME <> 'utf8mb4_bin'`,
  );
  await asker.destroy();
  const schemaOf = version.includes('MariaDB') ? 'mariadb' : 'mysql';
  const reader = await openMysql({ url, poolSize: 1, isForWriting: false, schemaOf });
  try {
    const planned = await schemaDrift(reader);
    return [...planned, ...loose.map(({ name }) => `the text in ${name} is not compared byte by byte`)];
  } finally {
    await reader.destroy();
  }
}

/** The list of migrations is made before the first of them runs, and written to after it: an empty one is no schema yet. */
async function hasSchema(dataSource: DataSource): Promise<boolean> {
  const runner = dataSource.createQueryRunner();
  try {
    if (!(await runner.hasTable('migration'))) return false;
    return ((await runner.query('SELECT 1 FROM migration LIMIT 1')) as unknown[]).length > 0;
  } finally {
    await runner.release();
  }
}

async function runScript(runner: QueryRunner, sql: string): Promise<void> {
  for (const step of stepsIn(sql)) {
    try {
      await runner.query(step);
    } catch (error) {
      if (!DONE_ALREADY.has((error as { driverError?: { errno?: number } }).driverError?.errno ?? 0)) throw error;
    }
  }
}

/** The statements of a file, each ended by `;` at the end of a line. */
export function stepsIn(sql: string): string[] {
  return sql
    .replace(/^\s*--.*$/gm, '')
    .split(/;\s*(?:\n|$)/)
    .filter((step) => step.trim() !== '');
}
