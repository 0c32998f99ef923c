import Database from 'better-sqlite3';
import type { DataSource } from 'typeorm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeTemporaryFolder, type TemporaryFolder } from '../../../test/support/temporary-folder.js';
import { TenantRow } from '../entities/tenant.entity.js';
import { GroupExecutor } from '../group-executor.js';
import { migrate } from '../migrator.js';
import { procedureOfMany, procedureOfOne } from '../procedure.js';
import { SqliteConnection } from './sqlite-connection.js';
import { handleOf, openSqlite, sqliteFileIn } from './sqlite-data-source.js';

const NOW = 1_800_000_000_000;
const MIGRATIONS = new URL('../../../migrations/sqlite/', import.meta.url);

const addTenant = procedureOfOne('connection-add', async (tx, name: string): Promise<void> => {
  await tx.manager.insert(TenantRow, { id: `ten_${name}`, name, createdAt: tx.now });
});
const breakOff = procedureOfMany('connection-break', (): Promise<null[]> => {
  throw new Error('broke');
});

const adding = (...names: string[]) => names.map((args) => ({ procedure: addTenant.name, args }));

describe('SqliteConnection', () => {
  let folder: TemporaryFolder;
  let file: string;
  let dataSource: DataSource;
  let connection: SqliteConnection;
  let executor: GroupExecutor;
  /** Sees what is committed, and nothing else. */
  let bystander: Database.Database;

  beforeEach(async () => {
    folder = await makeTemporaryFolder();
    file = sqliteFileIn(folder.path);
    dataSource = await openSqlite(file, 'write');
    await migrate(dataSource, MIGRATIONS, async (runner, sql) => {
      handleOf(runner.dataSource).exec(sql);
    });
    connection = new SqliteConnection(dataSource);
    executor = new GroupExecutor(connection);
    bystander = new Database(file);
  });

  afterEach(async () => {
    bystander.close();
    await dataSource.destroy();
    await folder.remove();
  });

  const committed = () => bystander.prepare('SELECT name FROM tenant ORDER BY seq').pluck().all();
  const committedMark = () => bystander.prepare('SELECT mark FROM commit_mark').pluck().get();

  /** Makes the next commit answer with an error, before or after it reached the file. */
  function loseNextCommit(isStored: boolean): void {
    const runner = dataSource.createQueryRunner();
    const query = runner.query.bind(runner);
    runner.query = async (sql: string, ...rest: []) => {
      if (sql !== 'COMMIT') return query(sql, ...rest);
      runner.query = query;
      if (isStored) await query(sql);
      throw new Error('the answer was lost');
    };
  }

  it('commits with the mark of the group', async () => {
    expect(await executor.execute(adding('a', 'b'), NOW)).toEqual([{ ok: undefined }, { ok: undefined }]);
    expect(committed()).toEqual(['a', 'b']);
    expect(committedMark()).toBe(1);
  });

  it('counts marks on from those of an earlier life', async () => {
    await executor.execute(adding('a'), NOW);
    const later = new GroupExecutor(new SqliteConnection(dataSource));
    await later.execute(adding('b'), NOW);
    expect(committedMark()).toBe(2);
  });

  it('rolls back what broke, and stays usable', async () => {
    const outcomes = await executor.execute([...adding('a'), { procedure: breakOff.name, args: null }], NOW);
    expect(outcomes).toMatchObject([{ ok: undefined }, { failed: expect.stringContaining('broke') }]);
    expect(committed()).toEqual(['a']);
  });

  it('fails a broken constraint alone', async () => {
    const outcomes = await executor.execute(adding('a', 'b', 'a', 'c'), NOW);
    expect(outcomes.map((outcome) => 'ok' in outcome)).toEqual([true, true, false, true]);
    expect(outcomes[2]).toMatchObject({ failed: expect.stringContaining('UNIQUE constraint failed: tenant.name') });
    expect(committed()).toEqual(['a', 'b', 'c']);
  });

  it.each([true, false])('settles a commit whose answer was lost; it had reached the file: %s', async (isStored) => {
    await executor.execute(adding('a'), NOW);
    loseNextCommit(isStored);
    expect(await executor.execute(adding('b', 'c'), NOW)).toEqual([{ ok: undefined }, { ok: undefined }]);
    expect(committed()).toEqual(['a', 'b', 'c']);
    // A transaction nested by mistake would be answered and not be there.
    await executor.execute(adding('d'), NOW);
    expect(committed()).toEqual(['a', 'b', 'c', 'd']);
    expect(handleOf(dataSource).inTransaction).toBe(false);
  });

  it('goes on after SQLite ended the transaction by itself', async () => {
    const lose = procedureOfMany('connection-lose', async (_tx, items: readonly null[]): Promise<null[]> => {
      // What a full disk does.
      handleOf(dataSource).exec('ROLLBACK');
      throw new Error(`disk full, ${items.length} lost`);
    });
    const outcomes = await executor.execute([...adding('a'), { procedure: lose.name, args: null }], NOW);
    expect(outcomes).toMatchObject([{ ok: undefined }, { failed: expect.stringContaining('disk full') }]);
    expect(committed()).toEqual(['a']);
  });

  it('refuses a group that a full disk has no room for, and heals when there is room again', async () => {
    const handle = handleOf(dataSource);
    const pages = handle.pragma('page_count', { simple: true }) as number;
    handle.pragma(`max_page_count = ${pages}`);
    const large = 'x'.repeat(8 * 4096);
    const outcomes = await executor.execute(adding('a', large, 'b'), NOW);
    const full = { refused: { code: 'insufficient_storage', message: 'The disk of the server is full.' } };
    expect(outcomes).toMatchObject([full, full, full]);
    expect(committed()).toEqual([]);
    handle.pragma(`max_page_count = ${pages * 10}`);
    expect(await executor.execute(adding(large, 'c'), NOW)).toMatchObject([{ ok: undefined }, { ok: undefined }]);
    expect(committed()).toEqual([large, 'c']);
  });

  it('begins anew over a transaction that nobody ended', async () => {
    const tx = await connection.begin(NOW, 1);
    await tx.manager.insert(TenantRow, { id: 'ten_lost', name: 'lost', createdAt: NOW });
    await executor.execute(adding('a'), NOW);
    expect(committed()).toEqual(['a']);
  });

  it('waits for another program that writes, and refuses when it does not stop', async () => {
    handleOf(dataSource).pragma('busy_timeout = 0');
    bystander.exec('BEGIN IMMEDIATE');
    const refused = { refused: { code: 'store_unavailable', message: 'The store is busy.' } };
    expect(await executor.execute(adding('a', 'b'), NOW)).toMatchObject([refused, refused]);
    bystander.exec('COMMIT');
    await executor.execute(adding('c'), NOW);
    expect(committed()).toEqual(['c']);
  });

  it('undoes an item under a savepoint, and nothing else', async () => {
    const tx = await connection.begin(NOW, 1);
    await tx.manager.insert(TenantRow, { id: 'ten_1', name: 'kept', createdAt: NOW });
    const undone = tx.savepoint(async () => {
      await tx.manager.insert(TenantRow, { id: 'ten_2', name: 'undone', createdAt: NOW });
      await tx.savepoint(() => tx.manager.insert(TenantRow, { id: 'ten_3', name: 'inner', createdAt: NOW }));
      throw new Error('undo');
    });
    await expect(undone).rejects.toThrow('undo');
    await connection.commit();
    expect(committed()).toEqual(['kept']);
  });
});
