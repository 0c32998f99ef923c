/** The schema on MariaDB: what the entities say, whatever happened on the way there. */
import 'reflect-metadata';
import { readFileSync, readdirSync } from 'node:fs';
import { cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { DataSource } from 'typeorm';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { MysqlDatabase } from '../../src/store/mysql/mysql-database.js';
import { openMysql } from '../../src/store/mysql/mysql-data-source.js';
import {
  checkMysqlSchema,
  migrateMysql,
  MYSQL_MIGRATIONS,
  mysqlDrift,
  stepsIn,
} from '../../src/store/mysql/mysql-migrations.js';
import { makeDatabase } from '../support/mysql-store.js';
import { startMariadb, type MariadbServer } from '../support/services/mariadb.js';
import { makeTemporaryFolder, type TemporaryFolder } from '../support/temporary-folder.js';

const STEPS = readdirSync(MYSQL_MIGRATIONS)
  .toSorted()
  .flatMap((file) => stepsIn(readFileSync(new URL(file, MYSQL_MIGRATIONS), 'utf8')));
const FIRST = 'init0000000000001';

describe('migrations of MySQL', () => {
  let server: MariadbServer;
  let url: string;
  let source: DataSource;
  let folder: TemporaryFolder;
  beforeAll(async () => {
    server = await startMariadb();
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    url = await makeDatabase(server);
    source = await openMysql({ url, poolSize: 3, isForWriting: true });
    folder = await makeTemporaryFolder();
  });
  afterEach(async () => {
    await source.destroy();
    await folder.remove();
  });

  /** The released migrations and these, as another build would have them. */
  async function migrationsWith(files: Record<string, string>): Promise<URL> {
    await cp(MYSQL_MIGRATIONS, folder.path, { recursive: true });
    for (const [name, sql] of Object.entries(files)) await writeFile(join(folder.path, name), sql);
    return pathToFileURL(`${folder.path}/`);
  }
  const names = async () =>
    (await source.query<{ name: string }[]>('SELECT name FROM migration ORDER BY name')).map(({ name }) => name);

  it('agree with the entities', async () => {
    expect(await migrateMysql(source)).toEqual([FIRST]);
    expect(await mysqlDrift(url)).toEqual([]);
    expect(await migrateMysql(source)).toEqual([]);
  });

  it('agree with the entities on each index and its columns, in their order', async () => {
    await migrateMysql(source);
    const made = await source.query<{ text: string }[]>(
      `SELECT CONCAT(TABLE_NAME, '.', INDEX_NAME, IF(NON_UNIQUE, '', ' unique'), ' ',
        GROUP_CONCAT(COLUMN_NAME ORDER BY SEQ_IN_INDEX SEPARATOR ',')) AS text
      FROM information_schema.STATISTICS
      WHERE TABLE_SCHEMA = DATABASE() AND INDEX_NAME <> 'PRIMARY' GROUP BY TABLE_NAME, INDEX_NAME, NON_UNIQUE`,
    );
    const declared = source.entityMetadatas.flatMap(({ tableName, indices }) =>
      indices.map(({ name, isUnique, columns }) => {
        const list = columns.map(({ databaseName }) => databaseName).join(',');
        return `${tableName}.${name}${isUnique ? ' unique' : ''} ${list}`;
      }),
    );
    expect(made.map(({ text }) => text).toSorted()).toEqual(declared.toSorted());
  });

  it.each([
    ['lacks a column', 'ALTER TABLE attempt DROP COLUMN outcome'],
    ['has a column too many', 'ALTER TABLE attempt ADD COLUMN extra BIGINT'],
    ['has another type', 'ALTER TABLE attempt MODIFY outcome BIGINT NOT NULL'],
    ['may be null where it must not', 'ALTER TABLE attempt MODIFY outcome LONGTEXT NULL'],
    ['compares text otherwise', 'ALTER TABLE task MODIFY id VARCHAR(255) COLLATE utf8mb4_general_ci NULL'],
    ['lacks an index', 'ALTER TABLE attempt DROP INDEX ix_attempt_task'],
    ['lacks a table', 'DROP TABLE leader'],
  ])('disagree when the schema %s', async (_kind, sql) => {
    await migrateMysql(source);
    await source.query(sql);
    expect(await mysqlDrift(url)).not.toEqual([]);
  });

  it('run to their end again after a cut behind any of their steps', async () => {
    expect(STEPS.length).toBeGreaterThan(20);
    for (const index of STEPS.keys()) {
      const other = await makeDatabase(server);
      const cut = await openMysql({ url: other, poolSize: 3, isForWriting: true });
      for (const done of STEPS.slice(0, index + 1)) await cut.query(done);
      expect(await migrateMysql(cut)).toEqual([FIRST]);
      expect(await mysqlDrift(other)).toEqual([]);
      await cut.destroy();
    }
  });

  it('pass over a step whose effect is there already, and over no other failure', async () => {
    await migrateMysql(source);
    await source.query('ALTER TABLE leader ADD COLUMN note BIGINT NULL');
    const twice = await migrationsWith({
      '002_note.sql': 'ALTER TABLE leader ADD COLUMN note BIGINT NULL;\nALTER TABLE leader ADD INDEX ix_note (note);\n',
    });
    expect(await migrateMysql(source, twice)).toEqual(['note0000000000002']);
    const broken = await migrationsWith({ '003_broken.sql': 'ALTER TABLE nowhere ADD COLUMN note BIGINT NULL;\n' });
    await expect(migrateMysql(source, broken)).rejects.toThrow('nowhere');
    expect(await names()).not.toContain('broken0000000000003');
  });

  it('run once when two processes start at the same moment', async () => {
    const other = await openMysql({ url, poolSize: 3, isForWriting: true });
    const applied = await Promise.all([migrateMysql(source), migrateMysql(other)]);
    await other.destroy();
    expect(applied.flat()).toEqual([FIRST]);
    expect(await mysqlDrift(url)).toEqual([]);
  });

  it('of a newer build are refused, and nothing is changed', async () => {
    await migrateMysql(source, await migrationsWith({ '002_future.sql': 'CREATE TABLE future (n BIGINT);\n' }));
    const newer = /newer version of Millrace \(migrations future0000000000002\)/;
    await expect(MysqlDatabase.open({ url, mayMigrate: true })).rejects.toThrow(newer);
    await expect(MysqlDatabase.open({ url, mayMigrate: false })).rejects.toThrow(newer);
    expect(await names()).toEqual(['future0000000000002', FIRST]);
  });

  it('make the schema of an empty database, by one of all that start together', async () => {
    const opened = await Promise.all([1, 2, 3].map(() => MysqlDatabase.open({ url, mayMigrate: false })));
    expect(await names()).toEqual([FIRST]);
    await Promise.all(opened.map((database) => database.close()));
  });

  it('may be one behind for a process that must not migrate, and not two', async () => {
    await expect(checkMysqlSchema(source)).rejects.toThrow("has no schema yet; run 'millrace migrate' first");
    await migrateMysql(source);
    const next = await migrationsWith({ '002_next.sql': 'CREATE TABLE next (n BIGINT);\n' });
    await checkMysqlSchema(source, next);
    const second = await migrationsWith({ '003_second.sql': 'CREATE TABLE second (n BIGINT);\n' });
    await expect(checkMysqlSchema(source, second)).rejects.toThrow(
      'lacks the migrations next0000000000002, second0000000000003',
    );
  });
});
