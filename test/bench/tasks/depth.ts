/** How long a lease takes from a lane of 10,000 and of 1,000,000 ready tasks, beside half as many that are done. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import type { SystemClock } from '../../../src/kernel/clock.js';
import type { SqliteDatabase } from '../../../src/store/sqlite/sqlite-database.js';
import type { TaskStore } from '../../../src/store/task.store.js';
import { built } from './built.js';

const LEASES = 400;
const PER_LEASE = 20;

export interface DepthRound {
  small: number;
  large: number;
}

export async function depthRound(): Promise<DepthRound> {
  return { small: await leaseP99(10_000), large: await leaseP99(1_000_000) };
}

async function leaseP99(ready: number): Promise<number> {
  const { SqliteDatabase: Opened } = await built<{ SqliteDatabase: typeof SqliteDatabase }>(
    'store/sqlite/sqlite-database.js',
  );
  const { TaskStore: Store } = await built<{ TaskStore: typeof TaskStore }>('store/task.store.js');
  const { SystemClock: Clock } = await built<{ SystemClock: typeof SystemClock }>('kernel/clock.js');
  const dataDir = await mkdtemp(join(tmpdir(), 'millrace-bench-'));
  const options = { dataDir, clock: new Clock(), crashAt: null, onDeath: fail };
  await (await Opened.open(options)).close(); // makes the schema
  fill(join(dataDir, 'millrace.sqlite'), ready);

  const database = await Opened.open(options);
  const tasks = new Store(database, options.clock);
  const times: number[] = [];
  for (let lease = 0; lease < LEASES; lease += 1) {
    const startedAt = performance.now();
    const slice = await tasks.lease({ laneSeq: 1, want: PER_LEASE, ownerSeq: 1, isUntyped: false }, false);
    times.push(performance.now() - startedAt);
    if (slice.length !== PER_LEASE) throw new Error('the lane ran dry');
  }
  await database.close();
  await rm(dataDir, { recursive: true });
  return times.sort((a, b) => a - b)[Math.floor(LEASES * 0.99)]!;
}

/** Every third task is done. The lane's tasks are put past its queue, which costs more than the lease that is measured. */
function fill(file: string, ready: number): void {
  const database = new Sqlite(file);
  const { seq: queueSeq } = database
    .prepare(
      `
    INSERT INTO queue (id, tenant_seq, name, visibility, models, consumers, completion_rule, eventbus, created_at, updated_at)
    VALUES ('queue_bench', 1, 'bench', 'private', '[]', '[]', 'first', 0, 0, 0) RETURNING seq`,
    )
    .get() as { seq: number };
  database.prepare('INSERT INTO lane (seq, queue_seq, level) VALUES (1, ?, 1)').run(queueSeq);
  const insert = database.prepare(`
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < @count)
    INSERT INTO task (id, tenant_seq, queue_seq, lane_seq, state, mode, enqueued_at)
    SELECT 'task_' || @from || '_' || i, 1, @queueSeq, 1, CASE WHEN i % 3 = 0 THEN 3 ELSE 1 END, 'callback', i FROM n`);
  for (let from = 0; from < ready * 1.5; from += 30_000)
    insert.run({ from, queueSeq, count: Math.min(30_000, ready * 1.5 - from) });
  database.close();
}

function fail(error: Error): void {
  throw error;
}
