import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { DataSource, QueryRunner } from 'typeorm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeTemporaryFolder, type TemporaryFolder } from '../../test/support/temporary-folder.js';
import { migrate, schemaDrift } from './migrator.js';
import { handleOf, openSqlite, sqliteFileIn } from './sqlite/sqlite-data-source.js';

const MIGRATIONS = new URL('../../migrations/sqlite/', import.meta.url);

async function runScript(runner: QueryRunner, sql: string): Promise<void> {
  handleOf(runner.dataSource).exec(sql);
}

describe('migrations', () => {
  let folder: TemporaryFolder;
  let dataSource: DataSource;

  beforeEach(async () => {
    folder = await makeTemporaryFolder();
    dataSource = await openSqlite(sqliteFileIn(folder.path), 'write');
  });

  afterEach(async () => {
    await dataSource.destroy();
    await folder.remove();
  });

  const query = <T>(sql: string): Promise<T[]> => dataSource.query<T[]>(sql);

  /** Writes migration files and runs all there are, as another build of the server would. */
  async function migrateWith(files: Record<string, string>): Promise<string[]> {
    for (const [name, sql] of Object.entries(files)) await writeFile(join(folder.path, name), sql);
    return migrate(dataSource, pathToFileURL(`${folder.path}/`), runScript);
  }

  describe('running', () => {
    it('runs each file once, in the order of their numbers', async () => {
      const first = {
        '002_b.sql': 'INSERT INTO log VALUES (2)',
        '001_a.sql': 'CREATE TABLE log (n); INSERT INTO log VALUES (1)',
      };
      expect(await migrateWith(first)).toEqual(['a0000000000001', 'b0000000000002']);
      expect(await migrateWith({})).toEqual([]);
      expect(await migrateWith({ '010_c.sql': 'INSERT INTO log VALUES (10)' })).toEqual(['c0000000000010']);
      expect(await query('SELECT n FROM log')).toEqual([{ n: 1 }, { n: 2 }, { n: 10 }]);
    });

    it('leaves nothing of one that breaks, and runs it again when it is mended', async () => {
      const broken = {
        '001_a.sql': 'CREATE TABLE a (n)',
        '002_b.sql': 'CREATE TABLE b (n); SELECT no_such_function()',
      };
      await expect(migrateWith(broken)).rejects.toThrow('no_such_function');
      const tables = async () => query(`SELECT name FROM sqlite_master WHERE name IN ('a', 'b') ORDER BY name`);
      expect(await tables()).toEqual([{ name: 'a' }]);
      expect(await migrateWith({ '002_b.sql': 'CREATE TABLE b (n)' })).toEqual(['b0000000000002']);
      expect(await tables()).toEqual([{ name: 'a' }, { name: 'b' }]);
    });

    it('refuses a file with a strange name', async () => {
      await expect(migrateWith({ 'init.sql': 'SELECT 1' })).rejects.toThrow("'init.sql' is not named NNN_name.sql");
    });

    it('refuses data that a newer build has written, and changes nothing', async () => {
      await migrate(dataSource, MIGRATIONS, runScript);
      await query(`INSERT INTO migration (timestamp, name) VALUES (99, 'future0000000000099')`);
      const newer = migrate(dataSource, MIGRATIONS, runScript);
      await expect(newer).rejects.toThrow(/newer version of Millrace \(migrations future0000000000099\)/);
      expect(await query('SELECT name FROM migration WHERE timestamp < 99')).toHaveLength(1);
    });
  });

  describe('and the entities', () => {
    it('agree', async () => {
      await migrate(dataSource, MIGRATIONS, runScript);
      expect(await schemaDrift(dataSource)).toEqual([]);
    });

    it('agree on the tables there are', async () => {
      await migrate(dataSource, MIGRATIONS, runScript);
      const tables = await query<{ name: string }>(
        `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name <> 'migration'`,
      );
      const declared = dataSource.entityMetadatas.map(({ tableName }) => tableName);
      expect(tables.map(({ name }) => name).toSorted()).toEqual(declared.toSorted());
    });

    // TypeORM compares neither the order of an index's columns nor the condition of a partial one.
    it('agree on each index, to its condition', async () => {
      await migrate(dataSource, MIGRATIONS, runScript);
      const made = await query<{ sql: string }>(
        `SELECT sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL`,
      );
      const declared = dataSource.entityMetadatas.flatMap(({ tableName, indices }) =>
        indices.map(({ name, isUnique, columns, where }) => {
          const names = columns.map(({ databaseName }) => databaseName).join(', ');
          return `CREATE ${isUnique ? 'UNIQUE ' : ''}INDEX ${name} ON ${tableName} (${names})${where ? ` WHERE ${where}` : ''}`;
        }),
      );
      expect(made.map(({ sql }) => sql).toSorted()).toEqual(declared.toSorted());
    });

    it.each([
      ['lacks a column', '  outcome TEXT NOT NULL,\n', ''],
      ['has a column too many', '  outcome TEXT NOT NULL,\n', '  outcome TEXT NOT NULL,\n  extra TEXT,\n'],
      ['may be null where it must not', 'outcome TEXT NOT NULL', 'outcome TEXT'],
      ['must not be null where it may', 'detail TEXT\n', 'detail TEXT NOT NULL\n'],
      ['has another type', 'outcome TEXT NOT NULL', 'outcome INTEGER NOT NULL'],
      ['has another default', 'put_count INTEGER NOT NULL DEFAULT 0', 'put_count INTEGER NOT NULL DEFAULT 1'],
      ['lacks a default', 'put_count INTEGER NOT NULL DEFAULT 0', 'put_count INTEGER NOT NULL'],
      ['lacks an index', 'CREATE INDEX ix_attempt_task ON attempt (task_seq, seq);', ''],
      ['has an index that is not unique', 'CREATE UNIQUE INDEX ux_task_id', 'CREATE INDEX ux_task_id'],
      ['has an index of other columns', 'ON attempt (task_seq, seq)', 'ON attempt (task_seq)'],
      ['lacks a table', /CREATE TABLE leader \([^;]*;/, ''],
      [
        'does not number its rows',
        '"seq" INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,\n  task_seq',
        '"seq" INTEGER PRIMARY KEY NOT NULL,\n  task_seq',
      ],
    ])('disagree when the schema %s', async (_kind, from, to) => {
      await migrate(dataSource, MIGRATIONS, (runner, sql) => {
        const changed = sql.replace(from, to);
        expect(changed).not.toBe(sql);
        return runScript(runner, changed);
      });
      expect(await schemaDrift(dataSource)).not.toEqual([]);
    });
  });
});
