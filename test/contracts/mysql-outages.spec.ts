/** What MysqlDatabase makes of a server that dies, forgets to answer, or takes nothing. */
import 'reflect-metadata';
import type { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import type { DataSource } from 'typeorm';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { TenantRow } from '../../src/store/entities/tenant.entity.js';
import { WRITE_MARK } from '../../src/store/commit-mark.js';
import { GroupExecutor } from '../../src/store/group-executor.js';
import { MysqlConnection } from '../../src/store/mysql/mysql-connection.js';
import { MysqlDatabase } from '../../src/store/mysql/mysql-database.js';
import { openMysql } from '../../src/store/mysql/mysql-data-source.js';
import { procedureOfMany } from '../../src/store/procedure.js';
import { FakeClock } from '../support/fake-clock.js';
import { collectGarbage } from '../support/held-memory.js';
import { makeDatabase, numbersTo } from '../support/mysql-store.js';
import { TcpProxy } from '../support/services/tcp-proxy.js';
import { startMariadb, type MariadbServer } from '../support/services/mariadb.js';

const addTenants = procedureOfMany('outage-add', async (tx, names: readonly string[]): Promise<null[]> => {
  for (const name of names) await tx.manager.insert(TenantRow, { id: `ten_${name}`, name, createdAt: tx.now });
  return names.map(() => null);
});
const adding = (...names: string[]) => names.map((args) => ({ procedure: addTenants.name, args }));
const UNAVAILABLE = { name: 'MillraceError', code: 'store_unavailable', retryAfterMs: 2_000 };

let server: MariadbServer;
let url: string;
let bystander: DataSource;
beforeAll(async () => {
  server = await startMariadb();
});
afterAll(() => server.stop());
beforeEach(async () => {
  url = await makeDatabase(server);
});

const committed = async () =>
  (await bystander.query<{ name: string }[]>('SELECT name FROM tenant ORDER BY seq')).map(({ name }) => name);

/** Of a user without the right to write to a server that takes no writes. */
async function plainUrl(): Promise<string> {
  await bystander.query(`CREATE OR REPLACE USER plain@'127.0.0.1' IDENTIFIED BY 'secret'`);
  await bystander.query(`GRANT ALL ON ${new URL(url).pathname.slice(1)}.* TO plain@'127.0.0.1'`);
  const plain = new URL(url);
  plain.username = 'plain';
  return plain.href;
}

describe('MysqlDatabase', () => {
  let database: MysqlDatabase;
  beforeEach(async () => {
    database = await MysqlDatabase.open({ url, mayMigrate: true });
    bystander = await openMysql({ url, poolSize: 2, isForWriting: true });
  });
  afterEach(async () => {
    await database.close();
    await bystander.destroy();
  });

  it('goes by the time of the server', async () => {
    await database.write(addTenants, 'a');
    expect(Math.abs(database.clock.now() - Date.now())).toBeLessThan(2_000);
    const [{ at }] = await bystander.query<[{ at: number }]>('SELECT created_at AS at FROM tenant');
    expect(Math.abs(at - Date.now())).toBeLessThan(2_000);
  });

  it('refuses while the server is gone, reads as well as writes, and heals when it is back', async () => {
    await database.write(addTenants, 'a');
    await server.kill();
    await expect(database.write(addTenants, 'lost')).rejects.toMatchObject(UNAVAILABLE);
    await expect(database.reader.find(TenantRow)).rejects.toMatchObject(UNAVAILABLE);
    await server.restart();
    await database.write(addTenants, 'b');
    expect((await database.reader.find(TenantRow)).map(({ name }) => name)).toEqual(['a', 'b']);
  });

  it('loses nothing that was answered when the server is killed in the midst of writes, and does nothing twice', async () => {
    const answered: string[] = [];
    const run = { isOver: false };
    const work = async (writer: number) => {
      for (let n = 0; !run.isOver; n += 1) {
        const name = `w${writer}n${n}`;
        await database.write(addTenants, name).then(
          () => answered.push(name),
          (error: unknown) => expect(error).toMatchObject({ code: 'store_unavailable' }),
        );
      }
    };
    // Enough for two groups at once.
    const all = Promise.all([1, 2, 3, 4, 5].map(work));
    await expect.poll(() => answered.length, { timeout: 10_000 }).toBeGreaterThan(20);
    await server.kill();
    await server.restart();
    const before = answered.length;
    await expect.poll(() => answered.length, { timeout: 30_000 }).toBeGreaterThan(before + 5);
    run.isOver = true;
    await all;
    // Names are unique, so what was done twice would have failed.
    const stored = await committed();
    expect(answered.filter((name) => !stored.includes(name))).toEqual([]);
    expect(stored.filter((name) => !answered.includes(name))).toEqual([]);
  });

  it('refuses on a server that takes no writes, and heals when it does', async () => {
    const asPlain = await MysqlDatabase.open({ url: await plainUrl(), mayMigrate: false });
    await asPlain.write(addTenants, 'a');
    await bystander.query('SET GLOBAL read_only = 1');
    await expect(asPlain.write(addTenants, 'refused')).rejects.toMatchObject(UNAVAILABLE);
    expect((await asPlain.reader.find(TenantRow)).map(({ name }) => name)).toEqual(['a']);
    await bystander.query('SET GLOBAL read_only = 0');
    await asPlain.write(addTenants, 'b');
    await asPlain.close();
    expect(await committed()).toEqual(['a', 'b']);
  });

  it('takes no more groups after another process took its connections, than that process left it', async () => {
    await database.write(addTenants, 'a');
    const own = await bystander.query<{ id: number }[]>(
      'SELECT ID AS id FROM information_schema.PROCESSLIST WHERE DB = DATABASE() AND ID <> CONNECTION_ID()',
    );
    for (const { id } of own) await bystander.query(`KILL ${id}`);
    await database.write(addTenants, 'b');
    expect(await committed()).toEqual(['a', 'b']);
  });

  it('uses no connection again on which the server fell silent, also not the idle ones, and none that began so', async () => {
    const wire = await TcpProxy.start(server.port);
    const wired = new URL(url);
    wired.port = String(wire.port);
    const cutOff = await MysqlDatabase.open({ url: wired.href, mayMigrate: false, readMs: 500 });
    // Several connections lie idle then.
    await Promise.all([1, 2, 3].map(() => cutOff.reader.find(TenantRow)));
    await cutOff.write(addTenants, 'a');
    wire.halfOpen();
    await Promise.all([
      expect(cutOff.write(addTenants, 'lost')).rejects.toMatchObject(UNAVAILABLE),
      expect(cutOff.reader.find(TenantRow)).rejects.toMatchObject(UNAVAILABLE),
    ]);
    await cutOff.write(addTenants, 'b');
    expect((await cutOff.reader.find(TenantRow)).map(({ name }) => name)).toEqual(['a', 'b']);
    // Greeted and let in, but what a new connection begins with is not answered.
    wire.halfOpen({ newOnesToo: true, after: 2 });
    wire.cut();
    await expect.poll(() => wire.counters.open).toBe(0);
    const { accepted } = wire.counters;
    const connectionsMade = async () => {
      await expect(cutOff.reader.find(TenantRow)).rejects.toMatchObject(UNAVAILABLE);
      return wire.counters.accepted - accepted;
    };
    // The first try may still meet a connection of which the pool does not know yet that it was cut.
    await expect.poll(connectionsMade, { timeout: 5_000 }).toBe(1);
    wire.resume();
    await cutOff.write(addTenants, 'c');
    expect(await committed()).toEqual(['a', 'b', 'c']);
    await cutOff.close();
    await wire.close();
  });

  it('remembers no connection that was closed because it lay idle', async () => {
    const source = await openMysql({ url, poolSize: 10, isForWriting: false });
    const { pool } = source.driver as unknown as { pool: EventEmitter };
    const made: WeakRef<{ stream: Socket }>[] = [];
    pool.on('connection', (connection: { stream: Socket }) => made.push(new WeakRef(connection)));
    await Promise.all(Array.from({ length: 10 }, () => source.query('SELECT SLEEP(0.1)')));
    const remembered = () => {
      collectGarbage();
      return made.filter((connection) => connection.deref() !== undefined).length;
    };
    expect(made.length).toBeGreaterThan(5);
    // The pool keeps two.
    await expect.poll(remembered, { timeout: 10_000 }).toBeLessThanOrEqual(2);
    await source.destroy();
  });

  it('ends the transaction of a client that has fallen silent in it, and frees what it has locked', async () => {
    await database.write(addTenants, 'a');
    const halted = await openMysql({ url, poolSize: 1, isForWriting: true, lifeMs: 1_000 });
    const runner = halted.createQueryRunner();
    await runner.query(`START TRANSACTION; UPDATE tenant SET max_files = 7 WHERE name = 'a'`);
    await bystander.query(`UPDATE tenant SET max_files = 8 WHERE name = 'a'`);
    await expect(runner.query('COMMIT')).rejects.toMatchObject(UNAVAILABLE);
    expect(await bystander.query('SELECT max_files AS n FROM tenant')).toEqual([{ n: 8 }]);
    await halted.destroy();
  });

  it('forgets its marks when it is closed', async () => {
    const other = await MysqlDatabase.open({ url, mayMigrate: false });
    await other.write(addTenants, 'a');
    const marks = () => bystander.query<unknown[]>(`SELECT mark FROM commit_mark WHERE writer LIKE 'writer%'`);
    expect(await marks()).toHaveLength(2); // and the row that its groups take turns by
    await other.close();
    expect(await marks()).toHaveLength(0);
  });
});

describe('MysqlConnection', () => {
  let source: DataSource;
  let executor: GroupExecutor;
  beforeEach(async () => {
    await (await MysqlDatabase.open({ url, mayMigrate: true })).close();
    source = await openMysql({ url, poolSize: 3, isForWriting: true });
    bystander = await openMysql({ url, poolSize: 2, isForWriting: true });
    executor = new GroupExecutor(new MysqlConnection(source, new FakeClock()));
  });
  afterEach(async () => {
    await source.destroy();
    await bystander.destroy();
  });

  /** Makes the next commit answer with a lost connection, before or after it reached the server. */
  function loseNextCommit(isStored: boolean): void {
    const create = source.createQueryRunner.bind(source);
    source.createQueryRunner = (mode) => {
      const runner = create(mode);
      const query = runner.query.bind(runner) as (sql: string, ...rest: unknown[]) => Promise<never>;
      runner.query = async (sql: string, ...rest: unknown[]): Promise<never> => {
        if (!sql.endsWith('COMMIT')) return query(sql, ...rest);
        source.createQueryRunner = create;
        if (isStored) await query(sql);
        throw Object.assign(new Error('gone'), { code: 'PROTOCOL_CONNECTION_LOST' });
      };
      return runner;
    };
  }

  it.each([true, false])('settles a commit whose answer was lost; it had reached the server: %s', async (isStored) => {
    await executor.execute(adding('a'), 0);
    loseNextCommit(isStored);
    expect(await executor.execute(adding('b', 'c'), 0)).toEqual([{ ok: null }, { ok: null }]);
    expect(await committed()).toEqual(['a', 'b', 'c']);
    await executor.execute(adding('d'), 0);
    expect(await committed()).toEqual(['a', 'b', 'c', 'd']);
  });

  it('knows at once that a commit which the server refused is none, though it took the writes before', async () => {
    const plain = await openMysql({ url: await plainUrl(), poolSize: 3, isForWriting: true });
    const become = (readOnly: 0 | 1) => bystander.query(`SET GLOBAL read_only = ${readOnly}`);
    const refused = new GroupExecutor(new MysqlConnection(plain, new FakeClock()));
    await refused.execute(adding('a'), 0);
    const turning = procedureOfMany('outage-turn', async (tx, names: readonly string[]): Promise<null[]> => {
      for (const name of names) await tx.manager.insert(TenantRow, { id: `ten_${name}`, name, createdAt: tx.now });
      await become(1);
      return names.map(() => null);
    });
    const startedAt = performance.now();
    const [outcome] = await refused.execute([{ procedure: turning.name, args: 'b' }], 0);
    await become(0);
    expect(outcome).toMatchObject({ refused: { code: 'store_unavailable' } });
    expect(performance.now() - startedAt).toBeLessThan(5_000);
    expect(await refused.execute(adding('c'), 0)).toEqual([{ ok: null }]);
    expect(await committed()).toEqual(['a', 'c']);
    await plain.destroy();
  });

  it('waits for the end of a commit that is cut off before it reads what became of it', async () => {
    const connection = new MysqlConnection(source, new FakeClock());
    const settling = new GroupExecutor(connection);
    await settling.execute(adding('a'), 0);
    const [{ writer }] = await bystander.query<[{ writer: string }]>(
      `SELECT writer FROM commit_mark WHERE writer LIKE 'writer%'`,
    );
    // Stands for the transaction of the old connection, which the server has not seen end.
    const old = bystander.createQueryRunner();
    await old.query('START TRANSACTION');
    await old.query('UPDATE commit_mark SET mark = 7 WHERE writer = ?', [writer]);
    const reading = connection.committedMark();
    const first = await Promise.race([reading, new Promise((resolve) => setTimeout(resolve, 300, 'waits'))]);
    expect(first).toBe('waits');
    await old.query('COMMIT');
    await old.release();
    expect(await reading).toBe(7);
  });

  it('waits for what the server works off when its connection is lost, commit and all, and stores it once', async () => {
    const wire = await TcpProxy.start(server.port);
    const wired = new URL(url);
    wired.port = String(wire.port);
    const cutOff = await openMysql({ url: wired.href, poolSize: 3, isForWriting: true });
    const cut = new GroupExecutor(new MysqlConnection(cutOff, new FakeClock()));
    await cut.execute(adding('a'), 0);
    const tailing = procedureOfMany('outage-tail', async (tx, names: readonly string[]): Promise<null[]> => {
      for (const name of names) await tx.manager.insert(TenantRow, { id: `ten_${name}`, name, createdAt: tx.now });
      await tx.later(WRITE_MARK, [{ writer: 'blocked', mark: 1 }]);
      return names.map(() => null);
    });
    const blocker = bystander.createQueryRunner();
    await blocker.query(`START TRANSACTION; INSERT INTO commit_mark (writer, mark) VALUES ('blocked', 0)`);
    const outcomes = cut.execute([{ procedure: tailing.name, args: 'b' }], 0);
    const waiting = `SELECT id FROM information_schema.processlist WHERE info LIKE 'INSERT INTO commit_mark%blocked%'`;
    await expect.poll(() => bystander.query<unknown[]>(waiting)).toHaveLength(1);
    wire.cut();
    const early = await Promise.race([outcomes, new Promise((resolve) => setTimeout(resolve, 300, 'waits'))]);
    expect(early).toBe('waits');
    await blocker.query('COMMIT');
    await blocker.release();
    expect(await outcomes).toEqual([{ ok: null }]);
    expect(await committed()).toEqual(['a', 'b']);
    await cutOff.destroy();
    await wire.close();
  });

  it('runs a group again that was the victim of a deadlock', async () => {
    await executor.execute(adding('x', 'y'), 0);
    const cross = procedureOfMany('outage-cross', async (tx, items: readonly string[]): Promise<null[]> => {
      await tx.manager.update(TenantRow, { name: 'x' }, { maxFiles: 1 });
      await crossed();
      await tx.manager.update(TenantRow, { name: 'y' }, { maxFiles: 1 });
      return items.map(() => null);
    });
    let isFirst = true;
    const other = bystander.createQueryRunner();
    await other.query('START TRANSACTION');
    // Of more rows than the group, so that the server chooses the group to give way.
    await other.query(`INSERT INTO leader SELECT seq, 1, 1, 1 FROM ${numbersTo(500)}`);
    await other.query(`UPDATE tenant SET max_files = 2 WHERE name = 'y'`);
    let blocked: Promise<unknown> = Promise.resolve();
    const crossed = async () => {
      if (!isFirst) return;
      isFirst = false;
      blocked = other.query(`UPDATE tenant SET max_files = 2 WHERE name = 'x'`).then(() => other.query('COMMIT'));
      await new Promise((resolve) => setTimeout(resolve, 200));
    };
    expect(await executor.execute([{ procedure: cross.name, args: 'x' }], 0)).toEqual([{ ok: null }]);
    await blocked;
    await other.release();
    expect(await bystander.query('SELECT DISTINCT max_files AS n FROM tenant')).toEqual([{ n: 1 }]);
  });

  it('fails a broken constraint alone', async () => {
    const outcomes = await executor.execute(adding('a', 'b', 'a', 'c'), 0);
    expect(outcomes.map((outcome) => 'ok' in outcome)).toEqual([true, true, false, true]);
    expect(await committed()).toEqual(['a', 'b', 'c']);
  });
});
