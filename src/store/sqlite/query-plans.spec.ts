/** That sweeps, which run for ever over tables that only grow, find what they look for by an index. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROOT } from '../../../test/architecture/source-tree.js';
import { SqlCatalog } from '../sql-catalog.js';
import { SQLITE_FOLDER } from './sqlite-connection.js';

/** Each statement, and the indexes that it must use. `primary key` is SQLite's word for that of a WITHOUT ROWID table. */
const PLANS: Readonly<Record<string, readonly string[]>> = {
  'attempt-forget': ['ix_attempt_task'],
  'audit-forget': ['integer primary key'],
  'batch-clear': ['integer primary key', 'ux_task_line'],
  'batch-forget': ['ix_batch_cleared'],
  'batch-line-seqs': ['ux_task_line'],
  'batch-outlived': ['ix_batch_uncleared'],
  'batch-overdue': ['ix_batch_live'],
  'batch-to-finalize': ['ix_batch_live'],
  'batch-to-ingest': ['ix_batch_live'],
  'blob-mark-unused': ['integer primary key', 'ix_file_blob'],
  'blob-unused': ['ix_blob_unused'],
  'callback-attempt-forget': ['ix_callback_attempt'],
  'callback-forget': ['integer primary key'],
  'callback-lease': ['ix_callback_target'],
  'callback-outlived': ['ix_callback_ended'],
  'deleted-lane-outlived': ['ix_task_ended', 'ix_batch_live', 'ix_batch_uncleared'],
  'event-forget': ['primary key', 'ix_task_event_age'],
  'file-drop-deleted': ['ix_file_deleted', 'ix_batch_blob'],
  'file-droppable': ['ix_file_deleted', 'ix_batch_blob'],
  'file-expire': ['ix_file_expiry'],
  'idempotency-forget': ['primary key', 'ix_idempotency_expiry'],
  'instance-forget': ['ix_instance_heartbeat'],
  'lane-has-ready': ['ix_task_ready', 'ix_batch_stopped'],
  'lane-head-typed': ['ix_task_typed'],
  'task-alias-forget': ['ix_task_alias_task'],
  'task-body-forget': ['integer primary key'],
  'task-ended-queues': ['ix_task_ended', 'ix_deleted_lane_queue'],
  'task-forget': ['integer primary key', 'ix_callback_task'],
  'task-outlived': ['ix_task_ended', 'ix_callback_task'],
  'task-result-forget': ['integer primary key'],
  'worker-forget': ['ix_worker_seen'],
};

let database: Database.Database;
const catalog = new SqlCatalog(SQLITE_FOLDER);

beforeAll(() => {
  database = new Database(':memory:');
  database.exec(readFileSync(join(ROOT, 'migrations/sqlite/001_init.sql'), 'utf8'));
});
afterAll(() => database.close());

function planOf(name: string): string[] {
  const sql = catalog.textOf({ name }).replaceAll(/:\w+/g, 'NULL + 1');
  return (database.prepare(`EXPLAIN QUERY PLAN ${sql}`).all() as { detail: string }[]).map(({ detail }) => detail);
}

/** Reads a table from end to end, other than by an index that holds only the rows in question. */
function scansTable(detail: string): boolean {
  if (!detail.startsWith('SCAN ') || /^SCAN (found|CONSTANT ROW)/.test(detail)) return false;
  const index = /USING (?:COVERING )?INDEX (\w+)/.exec(detail)?.[1];
  const definition = database
    .prepare('SELECT sql FROM sqlite_schema WHERE name = ?')
    .pluck()
    .get(index ?? '');
  return typeof definition !== 'string' || !definition.includes(' WHERE ');
}

describe('the plan of', () => {
  it.each(Object.entries(PLANS))('%s uses %j', (name, indexes) => {
    const plan = planOf(name);
    const text = plan.join('\n').toLowerCase();
    expect(
      indexes.filter((index) => !text.includes(index.toLowerCase())),
      text,
    ).toEqual([]);
    // audit-forget reads the first rows by number: a scan that its limit ends. Deleted lanes are few.
    const allowed = ['SCAN audit_entry', 'SCAN deleted_lane'];
    expect(plan.filter((detail) => scansTable(detail) && !allowed.includes(detail))).toEqual([]);
    // The live batches are few, and may be put in order.
    if (!indexes.includes('ix_batch_live')) expect(text).not.toContain('temp b-tree');
  });

  it('a statement that has no index for it is told apart', () => {
    database.exec('CREATE TABLE bare (n INTEGER)');
    const [{ detail }] = database.prepare('EXPLAIN QUERY PLAN SELECT n FROM bare WHERE n = 1').all() as [
      { detail: string },
    ];
    expect(scansTable(detail)).toBe(true);
  });
});
