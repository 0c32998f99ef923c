/** That what is asked for often reads as many rows as it wants, however many there are. Counted, because plans tell no numbers. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ROOT } from '../../../test/architecture/source-tree.js';
import { LaneCursor } from '../procedures/lane-cursor.js';
import type { Tx } from '../procedure.js';
import { SqlCatalog } from '../sql-catalog.js';
import type { SqlParams } from '../statement.js';
import { PreparedStatement } from './prepared-statements.js';
import { SQLITE_FOLDER } from './sqlite-connection.js';

const ROWS = 5_000;
const LIMIT = 20;
const LANE = { laneSeq: 1, queueSeq: 1, clearedSeq: 0, maxConcurrency: null, isLocked: 0 };

let database: Database.Database;
let rowsRead = 0;
const catalog = new SqlCatalog(SQLITE_FOLDER);

beforeAll(() => {
  database = new Database(':memory:');
  database.exec(readFileSync(join(ROOT, 'migrations/sqlite/001_init.sql'), 'utf8'));
  database.function('is_read', (seq: number) => {
    rowsRead += 1;
    return seq > 0 ? 1 : 0;
  });
  // Each came in a millisecond after the one before.
  database.exec(`
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${ROWS})
    INSERT INTO task (id, tenant_seq, queue_seq, lane_seq, state, mode, enqueued_at)
    SELECT 'task_' || i, 1, 1, 1, 1, 'callback', i FROM n;
    INSERT INTO task (batch_seq, line, tenant_seq, queue_seq, lane_seq, state, mode, enqueued_at)
    SELECT 1, seq, 1, 1, 2, 1, 'batch', 1 FROM task;
    INSERT INTO task (id, tenant_seq, queue_seq, lane_seq, state, mode, type, enqueued_at)
    SELECT 'typed_' || id, 2, 2, 3, 1, 'callback', CASE WHEN seq % 100 THEN 'frequent' ELSE 'rare' END, 1
    FROM task WHERE id IS NOT NULL`);
});
beforeEach(() => (rowsRead = 0));
afterAll(() => database.close());

/** The answer of a statement that counts each row it comes upon, before anything is asked of that but its place in the index. */
function answerOf(name: string, params: SqlParams): unknown[] {
  const sql = catalog.textOf({ name }).replace('WHERE ', 'WHERE is_read(seq) AND ');
  return new PreparedStatement(database, sql).all(params);
}

/** As far as a cursor needs one. */
const tx = {
  now: ROWS + 1,
  all: ({ name }: { name: string }, params: SqlParams) => Promise.resolve(answerOf(name, params)),
} as unknown as Tx;

describe('as many rows as are given are read', () => {
  it.each([
    ['all are old enough', ROWS, 1],
    ['all are too young', 0, null],
    ['some are too young', 1, 1],
  ])('from the head of a lane where %s', async (_, youngest, first) => {
    const cursor = new LaneCursor(tx, LANE, youngest, LIMIT);
    expect((await cursor.peek())?.seq ?? null).toBe(first);
    cursor.skip();
    await cursor.peek();
    expect(rowsRead).toBe(LIMIT);
  });

  it.each(['frequent', 'rare'])('from the head of a lane of a type that is %s in it', (type) => {
    expect(answerOf('lane-head-typed', { laneSeq: 3, type, clearedSeq: 0, limit: LIMIT })).toHaveLength(LIMIT);
    expect(rowsRead).toBe(LIMIT);
  });

  it('of the tasks of a tenant', () => {
    expect(answerOf('task-page', { tenantSeq: 1, beforeSeq: ROWS, limit: LIMIT })).toHaveLength(LIMIT);
    expect(rowsRead).toBe(LIMIT);
  });

  it('of the lines of a batch', () => {
    expect(answerOf('task-line-page', { batchSeq: 1, afterSeq: null, limit: LIMIT })).toHaveLength(LIMIT);
    expect(rowsRead).toBe(LIMIT);
  });
});
