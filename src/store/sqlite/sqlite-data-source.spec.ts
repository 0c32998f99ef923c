import type { DataSource } from 'typeorm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeTemporaryFolder, type TemporaryFolder } from '../../../test/support/temporary-folder.js';
import { handleOf, openSqlite, sqliteFileIn } from './sqlite-data-source.js';

describe('the SQLite connection', () => {
  let folder: TemporaryFolder;
  let file: string;
  const opened: DataSource[] = [];

  beforeEach(async () => {
    folder = await makeTemporaryFolder();
    file = sqliteFileIn(folder.path);
  });

  afterEach(async () => {
    for (const dataSource of opened.splice(0)) await dataSource.destroy();
    await folder.remove();
  });

  async function open(access: 'write' | 'read'): Promise<DataSource> {
    const dataSource = await openSqlite(file, access);
    opened.push(dataSource);
    return dataSource;
  }

  const pragma = (dataSource: DataSource, name: string) => handleOf(dataSource).pragma(name, { simple: true });

  it.each([
    ['journal_mode', 'wal'],
    ['synchronous', 2], // FULL: a commit is on the disk before it is answered
    ['auto_vacuum', 2], // INCREMENTAL
    ['cache_size', -8 * 1024],
    ['temp_store', 2], // MEMORY
    ['busy_timeout', 5_000],
    ['mmap_size', 0],
  ])('that writes has %s = %s, on a new file and on an old one', async (name, value) => {
    const first = await open('write');
    expect(pragma(first, name)).toBe(value);
    await first.query('CREATE TABLE t (n)');
    await first.destroy();
    opened.pop();
    expect(pragma(await open('write'), name)).toBe(value);
  });

  it('that reads cannot write, and sees what is committed', async () => {
    const writer = await open('write');
    await writer.query('CREATE TABLE t (n)');
    const reader = await open('read');
    expect(pragma(reader, 'journal_mode')).toBe('wal');
    expect(pragma(reader, 'busy_timeout')).toBe(5_000);
    await expect(reader.query('INSERT INTO t VALUES (1)')).rejects.toThrow('readonly');
    handleOf(writer).exec('BEGIN; INSERT INTO t VALUES (1)');
    expect(await reader.query('SELECT * FROM t')).toEqual([]);
    handleOf(writer).exec('COMMIT');
    expect(await reader.query('SELECT * FROM t')).toEqual([{ n: 1 }]);
  });

  it('that reads needs a file', async () => {
    await expect(open('read')).rejects.toThrow('unable to open database file');
  });
});
