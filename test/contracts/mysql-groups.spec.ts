/** Groups of one process on MySQL: two at once, each with statements that are sent together. */
import 'reflect-metadata';
import type { DataSource, QueryRunner } from 'typeorm';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { TenantRow } from '../../src/store/entities/tenant.entity.js';
import { GroupExecutor } from '../../src/store/group-executor.js';
import { MysqlConnection } from '../../src/store/mysql/mysql-connection.js';
import { MysqlDatabase } from '../../src/store/mysql/mysql-database.js';
import { openMysql } from '../../src/store/mysql/mysql-data-source.js';
import { procedureOfMany, procedureOfOne, type Tx } from '../../src/store/procedure.js';
import { FakeClock } from '../support/fake-clock.js';
import { Gate } from '../support/inbox.js';
import { makeDatabase } from '../support/mysql-store.js';
import { startMariadb, type MariadbServer } from '../support/services/mariadb.js';

interface Note {
  lane: number;
  name: string;
  /** Told when it runs, which it goes on with when what this returns resolves. */
  meanwhile?: () => Promise<void>;
}

/** Adds a tenant under the lock of a lane, and answers with the tenants it sees. */
const note = procedureOfMany(
  'groups-note',
  async (tx, notes: readonly Note[]) => {
    const seen: string[][] = [];
    for (const { name, meanwhile } of notes) {
      await meanwhile?.();
      await add(tx, name);
      seen.push((await tx.manager.find(TenantRow, { order: { seq: 'ASC' } })).map((row) => row.name));
    }
    return seen;
  },
  { lanesOf: (_tx, notes) => notes.map(({ lane }) => lane) },
);

const BODY_OF_NO_TASK = { id: 'task_none', body: 'x', blobKey: null };
/** Adds tenants; a bad one also leaves a statement for later that will fail, and is as good as all others till then. */
const addLater = procedureOfMany('groups-later', async (tx, names: readonly string[]) => {
  for (const name of names) {
    await add(tx, name);
    if (name.startsWith('bad')) await tx.later({ name: 'task-body-insert' }, [BODY_OF_NO_TASK]);
  }
  return [...names];
});
/** The same one by one; each is undone for itself when it is refused. */
const addOne = procedureOfOne('groups-one', async (tx, name: string) => {
  if (name.startsWith('bad')) await tx.later({ name: 'task-body-insert' }, [BODY_OF_NO_TASK]);
  await add(tx, name);
  return name;
});
const seeWorkers = procedureOfMany('groups-workers', async (tx, names: readonly string[]) => {
  const seen = { tenantSeq: 1, capacity: null, lanes: null, now: 1 };
  for (const name of names) await tx.later({ name: 'worker-seen' }, [{ ...seen, name }]);
  const found: unknown[] = [];
  for (const name of names) found.push((await tx.all({ name: 'worker-find' }, { tenantSeq: 1, name })).length);
  return found;
});

async function add(tx: Tx, name: string): Promise<void> {
  await tx.manager.insert(TenantRow, { id: `ten_${name}`, name, createdAt: tx.now });
}

let server: MariadbServer;
let url: string;
let bystander: DataSource;
beforeAll(async () => {
  server = await startMariadb();
});
afterAll(() => server.stop());
beforeEach(async () => {
  url = await makeDatabase(server);
  await (await MysqlDatabase.open({ url, mayMigrate: true })).close();
  bystander = await openMysql({ url, poolSize: 2, isForWriting: true });
  await bystander.query(
    `INSERT INTO queue (seq, tenant_seq, id, name, visibility, models, consumers, completion_rule, eventbus, created_at, updated_at)
     VALUES (1, 1, 'queue_1', 'one', 'private', '[]', '[]', 'first', 0, 1, 1)`,
  );
  await bystander.query('INSERT INTO lane (seq, queue_seq, level) VALUES (1, 1, 1), (2, 1, 2)');
});
afterEach(() => bystander.destroy());

const committed = async () =>
  (await bystander.query<{ name: string }[]>('SELECT name FROM tenant ORDER BY seq')).map(({ name }) => name);

/** The table of transactions is made anew only for who has not just read it. */
const TABLE_PACE = { interval: 200, timeout: 10_000 };
/** In the whole server. */
const openTransactions = async () => {
  const [{ n }] = await bystander.query<[{ n: number }]>('SELECT COUNT(*) AS n FROM information_schema.INNODB_TRX');
  return n;
};

/** A `meanwhile` that tells when it is reached, and is held there. */
function held(): { meanwhile: () => Promise<void>; reached: Gate; gate: Gate } {
  const [reached, gate] = [new Gate(), new Gate()];
  const meanwhile = async () => {
    reached.open();
    await gate.opened;
  };
  return { meanwhile, reached, gate };
}

describe('two groups of one MysqlDatabase', () => {
  let database: MysqlDatabase;
  beforeEach(async () => {
    database = await MysqlDatabase.open({ url, mayMigrate: false });
  });
  afterEach(() => database.close());

  it.each([1, 2])(
    'keep their order: the second sees what the first did, also if it locks another lane (%i)',
    async (lane) => {
      for (let round = 0; round < 5; round += 1) {
        const { meanwhile, reached, gate } = held();
        const first = database.write(note, { lane: 1, name: `first${round}`, meanwhile });
        await reached.opened;
        const second = database.write(note, { lane, name: `second${round}` });
        await expect.poll(openTransactions, TABLE_PACE).toBe(2);
        gate.open();
        expect((await first).at(-1)).toBe(`first${round}`);
        expect((await second).slice(-2)).toEqual([`first${round}`, `second${round}`]);
      }
    },
  );

  it('are both committed in closing', async () => {
    const { meanwhile, reached, gate } = held();
    const answers = [database.write(note, { lane: 1, name: 'a', meanwhile })];
    await reached.opened;
    answers.push(database.write(note, { lane: 1, name: 'b' }));
    await expect.poll(openTransactions, TABLE_PACE).toBe(2);
    answers.push(database.write(note, { lane: 1, name: 'c' }));
    const closed = database.close();
    gate.open();
    await closed;
    expect((await Promise.all(answers)).map((seen) => seen.at(-1))).toEqual(['a', 'b', 'c']);
    expect(await committed()).toEqual(['a', 'b', 'c']);
    expect(await bystander.query(`SELECT mark FROM commit_mark WHERE writer LIKE 'writer%'`)).toEqual([]);
    database = await MysqlDatabase.open({ url, mayMigrate: false });
  });
});

describe('MysqlConnection', () => {
  let source: DataSource;
  let executor: GroupExecutor;
  beforeEach(async () => {
    source = await openMysql({ url, poolSize: 4, isForWriting: true });
    executor = new GroupExecutor(new MysqlConnection(source, new FakeClock()));
  });
  afterEach(() => source.destroy());

  /** Makes the commit of the next transaction answer with a lost connection, before or after it reached the server. */
  function loseCommitOfNext(isStored: boolean): void {
    const create = source.createQueryRunner.bind(source);
    source.createQueryRunner = (mode) => {
      source.createQueryRunner = create;
      const runner = create(mode);
      const query = runner.query.bind(runner) as (sql: string, ...rest: unknown[]) => Promise<never>;
      runner.query = async (sql: string, ...rest: unknown[]): Promise<never> => {
        if (!sql.endsWith('COMMIT')) return query(sql, ...rest);
        if (isStored) await query(sql);
        throw Object.assign(new Error('gone'), { code: 'PROTOCOL_CONNECTION_LOST' });
      };
      return runner;
    };
  }

  it.each([true, false])(
    'settles a commit whose answer was lost while another group waits for its locks; it had reached the server: %s',
    async (isStored) => {
      const other = new GroupExecutor(new MysqlConnection(source, new FakeClock()));
      await executor.execute([{ procedure: note.name, args: { lane: 1, name: 'x' } }], 0);
      await other.execute([{ procedure: note.name, args: { lane: 1, name: 'y' } }], 0);
      loseCommitOfNext(isStored);
      const { meanwhile, reached, gate } = held();
      const lost = executor.execute([{ procedure: note.name, args: { lane: 1, name: 'a', meanwhile } }], 0);
      await reached.opened;
      const waiting = other.execute([{ procedure: note.name, args: { lane: 1, name: 'b' } }], 0);
      await new Promise((resolve) => setTimeout(resolve, 50));
      gate.open();
      expect([...(await lost), ...(await waiting)].map((outcome) => 'ok' in outcome)).toEqual([true, true]);
      expect((await committed()).toSorted()).toEqual(['a', 'b', 'x', 'y']);
      await executor.execute([{ procedure: note.name, args: { lane: 1, name: 'c' } }], 0);
      expect((await committed()).toSorted()).toEqual(['a', 'b', 'c', 'x', 'y']);
    },
  );

  it.each([
    [1213, 'ER_LOCK_DEADLOCK'],
    [1205, 'ER_LOCK_WAIT_TIMEOUT'],
    [1062, 'ER_DUP_ENTRY'],
  ])('runs a group again of which error %i has come with the commit, and stores it once', async (errno, code) => {
    await executor.execute([{ procedure: note.name, args: { lane: 1, name: 'a' } }], 0);
    const create = source.createQueryRunner.bind(source);
    const runners: QueryRunner[] = [];
    source.createQueryRunner = (mode) => {
      const runner = create(mode);
      runners.push(runner);
      if (runners.length > 1) return runner;
      const query = runner.query.bind(runner) as (sql: string, ...rest: unknown[]) => Promise<never>;
      runner.query = (sql: string, ...rest: unknown[]): Promise<never> =>
        sql.endsWith('COMMIT') ? Promise.reject(Object.assign(new Error('no'), { errno, code })) : query(sql, ...rest);
      return runner;
    };
    expect(await executor.execute([{ procedure: note.name, args: { lane: 1, name: 'b' } }], 0)).toMatchObject([{}]);
    source.createQueryRunner = create;
    expect(await committed()).toEqual(['a', 'b']);
    expect(runners).toHaveLength(2); // and no connection to ask what became of it
  });

  it.each([addLater, addOne])(
    'fails whoever left a statement for later that failed, and nobody else: nothing of it is stored ($name)',
    async ({ name: procedure }) => {
      const names = ['a', 'b', 'bad', 'c', 'd', 'bad2'];
      const outcomes = await executor.execute(
        names.map((args) => ({ procedure, args })),
        0,
      );
      expect(outcomes.map((outcome) => 'ok' in outcome)).toEqual(names.map((name) => !name.startsWith('bad')));
      expect(outcomes[2]).toMatchObject({ failed: expect.stringContaining("'task_seq' cannot be null") });
      expect(await committed()).toEqual(['a', 'b', 'c', 'd']);
      expect(await executor.execute([{ procedure, args: 'e' }], 0)).toEqual([{ ok: 'e' }]);
    },
  );

  it('stores every text as it is, and runs nothing of it', async () => {
    const names = [
      `'; DELETE FROM worker; --`,
      `\\'; DELETE FROM worker; -- `,
      `a\\`,
      `'`,
      `''`,
      `"\`?:name :found ?? $1 %_`,
      `\u0000\b\t\n\r\u001a`,
      `/*! DELETE FROM worker */`,
      `' COLLATE utf8mb4_bin`,
      `X'41'`,
      `ünï – ☃ 𝕏 👩‍🚀`,
      `plain name.of:a/worker+1@x_y-z`,
      ``,
    ];
    const outcomes = await executor.execute(
      names.map((args) => ({ procedure: seeWorkers.name, args })),
      0,
    );
    expect(outcomes).toEqual(names.map(() => ({ ok: 1 })));
    const stored = await bystander.query<{ name: string }[]>('SELECT name FROM worker ORDER BY seq');
    expect(stored.map(({ name }) => name)).toEqual(names);
  });
});
