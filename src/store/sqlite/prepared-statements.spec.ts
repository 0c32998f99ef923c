import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeTemporaryFolder, type TemporaryFolder } from '../../../test/support/temporary-folder.js';
import { SqlCatalog } from '../sql-catalog.js';
import { PreparedStatements } from './prepared-statements.js';

describe('PreparedStatements', () => {
  let folder: TemporaryFolder;
  let database: Database.Database;

  beforeEach(async () => {
    folder = await makeTemporaryFolder();
    database = new Database(':memory:');
    database.exec('CREATE TABLE t (a, b)');
  });

  afterEach(async () => {
    database.close();
    await folder.remove();
  });

  async function prepared(sql: string): Promise<PreparedStatements> {
    await writeFile(join(folder.path, 'it.sql'), sql);
    return new PreparedStatements(database, new SqlCatalog(pathToFileURL(`${folder.path}/`)));
  }

  it('take their values by name, in any order, as often as they are named', async () => {
    const statements = await prepared(
      '-- Says: what it does.\nSELECT :to AS x, :from AS y, :to || :from AS both, :toAll AS z',
    );
    const rows = statements.of({ name: 'it' }).all({ toAll: null, from: 'b', to: 'a' });
    expect(rows).toEqual([{ x: 'a', y: 'b', both: 'ab', z: null }]);
  });

  it('say how many rows they changed', async () => {
    database.exec('INSERT INTO t VALUES (1, 1), (1, 2), (2, 3)');
    const statement = (await prepared('UPDATE t SET b = :b WHERE a = :a')).of({ name: 'it' });
    expect([1, 2, 3].map((a) => statement.run({ a, b: 9 }))).toEqual([2, 1, 0]);
  });

  it('may need no value', async () => {
    expect((await prepared('SELECT 1 AS one')).of({ name: 'it' }).all({})).toEqual([{ one: 1 }]);
  });

  it.each(['a', 'b'])('refuse to run without the value of %s', async (missing) => {
    const statement = (await prepared('INSERT INTO t VALUES (:a, :b)')).of({ name: 'it' });
    const { [missing]: _, ...params } = { a: 1, b: 2 } as Record<string, number>;
    expect(() => statement.run(params)).toThrow(`no value was given for :${missing}`);
    expect(database.prepare('SELECT COUNT(*) FROM t').pluck().get()).toBe(0);
  });

  it('are prepared once', async () => {
    const statements = await prepared('SELECT 1');
    expect(statements.of({ name: 'it' })).toBe(statements.of({ name: 'it' }));
    expect(() => statements.of({ name: 'other' })).toThrow("no SQL file is named 'other'");
  });
});
