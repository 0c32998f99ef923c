/**
 * Brings the schema up to date from plain SQL files, `migrations/<dialect>/NNN_name.sql`, through TypeORM's own migration
 * runner (which keeps the table `migration`). A released file is never edited.
 */
import { readdirSync, readFileSync } from 'node:fs';
import type { DataSource, MigrationInterface, QueryRunner } from 'typeorm';

const FILE_PATTERN = /^(\d{3})_([a-z0-9_]+)\.sql$/;

export type RunScript = (runner: QueryRunner, sql: string) => Promise<void>;

/** Returns the names of the migrations it ran. Refuses a schema that a newer build has made. */
export async function migrate(dataSource: DataSource, folder: URL, runScript: RunScript): Promise<string[]> {
  const migrations = migrationsIn(folder, runScript);
  dataSource.setOptions({ migrations: migrations.map(({ type }) => type), migrationsTableName: 'migration' });
  // `setOptions` alone does not rebuild the list that was made at initialize.
  Object.assign(dataSource, { migrations: migrations.map(({ type }) => new type()) });
  refuseUnknown(
    await appliedMigrations(dataSource),
    migrations.map(({ name }) => name),
  );
  const applied = await dataSource.runMigrations({ transaction: 'each' });
  return applied.map((migration) => migration.name);
}

/** Names of the migrations that `migrate` would run. Writes nothing; refuses a schema that a newer build has made. */
export async function pendingMigrations(dataSource: DataSource, folder: URL): Promise<string[]> {
  const known = migrationsIn(folder, () => Promise.resolve()).map(({ name }) => name);
  const applied = await appliedMigrations(dataSource);
  refuseUnknown(applied, known);
  return known.filter((name) => !applied.includes(name));
}

function migrationsIn(folder: URL, runScript: RunScript): ReturnType<typeof migrationOf>[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.sql'))
    .sort()
    .map((file) => migrationOf(file, readFileSync(new URL(file, folder), 'utf8'), runScript));
}

function migrationOf(
  file: string,
  sql: string,
  runScript: RunScript,
): { name: string; type: new () => MigrationInterface } {
  const match = FILE_PATTERN.exec(file);
  if (!match) throw new Error(`migration '${file}' is not named NNN_name.sql`);
  // TypeORM orders by the 13 digits at the end of the name.
  const name = `${match[2]!}${match[1]!.padStart(13, '0')}`;
  const type = class implements MigrationInterface {
    readonly name = name;
    up(runner: QueryRunner): Promise<void> {
      return runScript(runner, sql);
    }
    down(): Promise<void> {
      return Promise.reject(new Error('migrations only go forward; restore a backup to go back'));
    }
  };
  return { name, type };
}

/** Empty for a database without a schema. */
async function appliedMigrations(dataSource: DataSource): Promise<string[]> {
  const runner = dataSource.createQueryRunner();
  try {
    if (!(await runner.hasTable('migration'))) return [];
    const applied = (await runner.query('SELECT name FROM migration')) as { name: string }[];
    return applied.map(({ name }) => name);
  } finally {
    await runner.release();
  }
}

function refuseUnknown(applied: readonly string[], known: readonly string[]): void {
  const unknown = applied.filter((name) => !known.includes(name));
  if (unknown.length === 0) return;
  throw new Error(
    `the data was written by a newer version of Millrace (migrations ${unknown.join(', ')}); start that version`,
  );
}

/** What TypeORM would change to make the schema fit the entities; empty when they agree. */
export async function schemaDrift(dataSource: DataSource): Promise<string[]> {
  const planned = await dataSource.driver.createSchemaBuilder().log();
  return planned.upQueries.map(({ query }) => query);
}
