/** That what runs for ever, or often, finds its rows by an index, in tables that hold many others. */
import 'reflect-metadata';
import type { DataSource } from 'typeorm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MysqlCatalog } from '../../src/store/mysql/mysql-catalog.js';
import { MysqlRunner } from '../../src/store/mysql/mysql-runner.js';
import { migrateMysql } from '../../src/store/mysql/mysql-migrations.js';
import { openMysql } from '../../src/store/mysql/mysql-data-source.js';
import { LaneCursor } from '../../src/store/procedures/lane-cursor.js';
import type { Tx } from '../../src/store/procedure.js';
import type { SqlParams } from '../../src/store/statement.js';
import { makeDatabase, numbersTo } from '../support/mysql-store.js';
import { startMariadb, type MariadbServer } from '../support/services/mariadb.js';

/** Each statement, and the indexes by which it must read the table `task`, or the table after the colon. */
const PLANS: Readonly<Record<string, readonly string[]>> = {
  'attempt-delete': ['ix_attempt_task:attempt'],
  'batch-line-seqs': ['ux_task_line'],
  'batch-live-lines': ['ux_task_line'],
  'batch-ready-lanes': ['ux_task_line'],
  'batch-settle': ['ux_task_line'],
  'callback-lines': ['ix_callback_target:callback'],
  'callback-has-due': ['ix_callback_due:callback', 'ix_callback_target:callback'],
  'callback-lease': ['ix_callback_target:callback'],
  'callback-withdraw': ['ix_callback_task:callback'],
  'deleted-lane-outlived': ['ix_task_ended'],
  'idempotency-find': ['ux_task_id'],
  'lane-has-ready': ['ix_task_ready'],
  'lane-head': ['ix_task_ready'],
  'lane-head-typed': ['ix_task_typed'],
  'task-alias-delete': ['ix_task_alias_task:task_alias'],
  'task-body-delete': ['PRIMARY:task_body'],
  'task-delete': ['PRIMARY'],
  'task-events-delete': ['PRIMARY:task_event'],
  'task-expired': ['ix_task_expiry'],
  'task-find': ['ux_task_id'],
  'task-find-lines': ['ux_task_line'],
  'task-finish': ['PRIMARY'],
  'task-held': ['PRIMARY'],
  'task-has-due': ['ix_task_scheduled'],
  'task-has-expired': ['ix_task_expiry'],
  'task-has-overdue': ['ix_task_lease'],
  'task-lanes': ['ux_task_id'],
  'task-lease': ['ix_task_ready'],
  'task-line-page': ['ux_task_line'],
  'task-lease-typed': ['PRIMARY'],
  'task-lease-untyped': ['ix_task_ready'],
  'task-lost': ['PRIMARY'],
  'task-outlived': ['ix_task_ended'],
  'task-overdue': ['ix_task_lease'],
  'task-owned-leases': ['ix_task_lease', 'ix_task_expiry', 'ix_task_scheduled'],
  'task-page': ['ix_task_single'],
  'task-promote': ['ix_task_scheduled'],
  'task-record-counts': ['ix_attempt_task:attempt'],
  'task-result-delete': ['PRIMARY:task_result'],
  'task-return': ['PRIMARY'],
  'task-stop': ['PRIMARY'],
  'task-take': ['PRIMARY'],
};

const LISTS: Readonly<Record<string, string>> = {
  ids: '["task_5"]',
  keys: '[["batch_1",5]]',
  ownerSeqs: '[5]',
  items: '[{"seq":5,"epoch":1}]',
  seqs: '[5]',
  passed: '[{"tenantSeq":1,"target":"https://a.example"}]',
};
/** Enough for an instant after all in the table, or a number of a row. */
const NUMBERS: Readonly<Record<string, number>> = { now: 1, before: 1, limit: 100, want: 10, until: 100, after: 0 };

describe('the plan of', () => {
  let server: MariadbServer;
  let source: DataSource;
  const catalog = new MysqlCatalog();

  beforeAll(async () => {
    server = await startMariadb();
    source = await openMysql({ url: await makeDatabase(server), poolSize: 3, isForWriting: true });
    await migrateMysql(source);
    await source.query(`INSERT INTO batch (id, tenant_seq, level, endpoint, completion_window, state, input_file_id,
      input_blob_seq, created_at, expires_at) VALUES ('batch_1', 1, 1, '/', '24h', 'in_progress', 'f', 1, 0, 0)`);
    // Most have ended, as in a store that is in use; a tenth is ready.
    await source.query(`INSERT INTO task (id, tenant_seq, queue_seq, lane_seq, state, mode, type, batch_seq, line, enqueued_at,
      available_at, lease_until, expires_at, ended_at)
      SELECT IF(seq % 2, CONCAT('task_', seq), NULL), 1 + seq % 3, 1 + seq % 3, 1 + seq % 5, IF(seq % 10, 3, 1), 'callback',
        IF(seq % 4, NULL, 'type'), IF(seq % 2, NULL, 1 + seq % 7), IF(seq % 2, NULL, seq), 5, IF(seq % 6, NULL, 9),
        IF(seq % 6, NULL, 9), IF(seq % 2, 9, NULL), IF(seq % 10, 9, NULL) FROM ${numbersTo(20_000)}`);
    await source.query(`INSERT INTO callback (id, tenant_seq, task_seq, url, target, state, available_at, created_at)
      SELECT CONCAT('c', seq), 1, seq, 'https://a/', CONCAT('https://', seq % 9), IF(seq % 10, 3, 1), seq, 1
      FROM ${numbersTo(5_000)}`);
    await source.query(`INSERT INTO lane (queue_seq, level) VALUES (1, 1), (2, 1), (3, 1), (1, 2), (1, 3)`);
    await source.query(`INSERT INTO queue (id, tenant_seq, name, visibility, models, consumers, completion_rule, eventbus, created_at,
      updated_at) SELECT CONCAT('q', seq), 1, CONCAT('q', seq), 'private', '[]', '[]', 'first', 0, 1, 1 FROM ${numbersTo(3)}`);
    await source.query(`INSERT INTO deleted_lane (seq, queue_seq, tenant_seq, queue_name, visibility, level, last_batch_seq)
      SELECT 5 + seq, 5 + seq, 1, CONCAT('q', seq), 'private', 1, 1 FROM ${numbersTo(10)}`);
    await source.query('ANALYZE TABLE task, callback, batch, lane, queue, deleted_lane');
  });
  afterAll(async () => {
    await source.destroy();
    await server.stop();
  });

  it.each(Object.entries(PLANS))('%s uses one of %j', async (name, allowed) => {
    const [, table = 'task'] = allowed[0]!.split(':');
    const keys = allowed.map((each) => each.split(':')[0]);
    let reads = 0;
    for (const step of catalog.of({ name }).steps) {
      const params = Object.fromEntries(
        [...step.names].map((param) => [param, LISTS[param] ?? (param === 'type' ? 'type' : (NUMBERS[param] ?? 1))]),
      );
      const sql = step.with(params, [1]);
      // Of a change by the primary key the server can tell no more than a SELECT would.
      const plan = await source.query<{ table: string; key: string | null; rows: number; type: string }[]>(
        `EXPLAIN FORMAT=TRADITIONAL ${sql}`,
      );
      for (const row of plan.filter((each) => each.table === table)) {
        reads += 1;
        expect([...keys, 'PRIMARY'], JSON.stringify(plan)).toContain(row.key);
        expect(['ALL', 'index'], JSON.stringify(plan)).not.toContain(row.type);
      }
    }
    expect(reads).toBeGreaterThan(0);
  });

  /** How many rows `work` reads one after the other of an index. */
  async function rowsReadBy(
    work: (runner: MysqlRunner) => Promise<unknown>,
    counter = 'Handler_read_next',
  ): Promise<number> {
    const session = source.createQueryRunner();
    const count = async () => {
      const [{ Value: value }] = await session.query(`SHOW SESSION STATUS LIKE '${counter}'`);
      return Number(value);
    };
    try {
      await session.connect();
      const before = await count();
      await work(new MysqlRunner({ send: (sql) => session.query(sql) }));
      return (await count()) - before;
    } finally {
      await session.release();
    }
  }

  it.each([
    ['old enough', 5],
    ['too young', 4],
  ])('a take reads one page of a lane in which all are %s', async (_, youngest) => {
    const lane = { laneSeq: 1, queueSeq: 1, clearedSeq: 0, maxConcurrency: null, isLocked: 0 };
    const read = await rowsReadBy(async (runner) => {
      const all = (named: { name: string }, params: SqlParams) => runner.all(catalog.of(named), params);
      const cursor = new LaneCursor({ now: 10, all } as unknown as Tx, lane, youngest, 20);
      expect((await cursor.peek()) !== null).toBe(youngest === 5);
    });
    expect(read).toBeLessThanOrEqual(20);
  });

  it.each([
    ['task-page', { tenantSeq: 1, beforeSeq: 1_000_000, limit: 20 }],
    ['task-line-page', { batchSeq: 1, afterSeq: null, limit: 20 }],
  ])('%s reads no more than it gives', async (name, params) => {
    let given = 0;
    // They are read from the end of their index.
    const read = await rowsReadBy(async (runner) => {
      given = (await runner.all(catalog.of({ name }), params)).length;
    }, 'Handler_read_prev');
    expect([given, read <= 20]).toEqual([20, true]);
  });

  it('a statement that has no index for it is told apart', async () => {
    const [plan] = await source.query<[{ type: string }]>(
      'EXPLAIN FORMAT=TRADITIONAL SELECT seq FROM task WHERE losses = 7',
    );
    expect(plan.type).toBe('ALL');
  });
});
