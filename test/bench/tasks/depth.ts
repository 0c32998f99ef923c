/** How long a lease and a take need in a lane of 10,000 and of 1,000,000 ready tasks, beside half as many that are done. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import type { SystemClock } from '../../../src/kernel/clock.js';
import type { PullStore } from '../../../src/store/pull.store.js';
import type { SqliteDatabase } from '../../../src/store/sqlite/sqlite-database.js';
import type { TaskStore } from '../../../src/store/task.store.js';
import { built } from './built.js';
import { SideBySide, takeOf, type Ask, type Compared } from './side-by-side.js';

const PER_CALL = 20;

export interface DepthRound {
  lease: Compared;
  take: Compared;
  /** With `min_age_seconds`, where all tasks are old enough. */
  oldTake: Compared;
  /** With `min_age_seconds`, where none is. */
  youngTake: Compared;
}

/** Both lanes, filled once for all rounds. */
export class DepthBench {
  private constructor(private readonly lanes: SideBySide<BenchLane>) {}

  static async open(): Promise<DepthBench> {
    const small = await BenchLane.open(10_000);
    return new DepthBench(new SideBySide(small, await BenchLane.open(1_000_000)));
  }

  async round(): Promise<DepthRound> {
    return {
      lease: await this.lanes.compare((lane) => lane.lease()),
      take: await this.lanes.compare((lane) => lane.take(0, PER_CALL)),
      oldTake: await this.lanes.compare((lane) => lane.take(1_000, PER_CALL)),
      youngTake: await this.lanes.compare((lane) => lane.take(Number.MAX_SAFE_INTEGER, 0)),
    };
  }

  close(): Promise<void> {
    return this.lanes.close();
  }
}

class BenchLane {
  private count = 0;

  private constructor(
    private readonly dataDir: string,
    private readonly database: SqliteDatabase,
    private readonly tasks: TaskStore,
    private readonly pull: PullStore,
  ) {}

  static async open(ready: number): Promise<BenchLane> {
    const { SqliteDatabase: Opened } = await built<{ SqliteDatabase: typeof SqliteDatabase }>(
      'store/sqlite/sqlite-database.js',
    );
    const { TaskStore: Tasks } = await built<{ TaskStore: typeof TaskStore }>('store/task.store.js');
    const { PullStore: Pull } = await built<{ PullStore: typeof PullStore }>('store/pull.store.js');
    const { SystemClock: Clock } = await built<{ SystemClock: typeof SystemClock }>('kernel/clock.js');
    const dataDir = await mkdtemp(join(tmpdir(), 'millrace-bench-'));
    const clock = new Clock();
    const database = await Opened.open({ dataDir, clock, crashAt: null, onDeath: fail });
    const lane = new BenchLane(dataDir, database, new Tasks(database, clock), new Pull(database, clock));
    lane.byHand(makeLane);
    lane.add(ready);
    return lane;
  }

  lease(): Ask {
    const request = { laneSeq: 1, want: PER_CALL, ownerSeq: 1, isUntyped: false };
    return { once: () => this.tasks.lease(request, false), gives: PER_CALL };
  }

  take(minAgeMs: number, gives: number): Ask {
    return { once: () => this.pull.take(takeOf(PER_CALL, minAgeMs)), gives };
  }

  async close(): Promise<void> {
    await this.database.close();
    await rm(this.dataDir, { recursive: true });
  }

  /** Every third task is done. Put past the lane's queue, which costs more than what is measured. */
  add(ready: number): void {
    this.byHand((file) => {
      const insert = file.prepare(`
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < @count)
        INSERT INTO task (id, tenant_seq, queue_seq, lane_seq, state, mode, enqueued_at)
        SELECT 'task_' || (@from + i), 1, queue.seq, 1, CASE WHEN i % 3 = 0 THEN 3 ELSE 1 END, 'callback', @from + i
        FROM n, queue WHERE queue.id = 'queue_bench'`);
      const end = this.count + ready * 1.5;
      for (; this.count < end; this.count = Math.min(end, this.count + 30_000)) {
        insert.run({ from: this.count, count: Math.min(30_000, end - this.count) });
      }
    });
  }

  private byHand(work: (file: Sqlite.Database) => void): void {
    const file = new Sqlite(join(this.dataDir, 'millrace.sqlite'));
    work(file);
    file.close();
  }
}

function makeLane(file: Sqlite.Database): void {
  file.exec(`
    INSERT INTO queue (id, tenant_seq, name, visibility, models, consumers, completion_rule, eventbus, created_at, updated_at)
    VALUES ('queue_bench', 1, 'bench', 'private', '[]', '[]', 'first', 0, 0, 0);
    INSERT INTO lane (seq, queue_seq, level) SELECT 1, seq, 1 FROM queue WHERE id = 'queue_bench'`);
}

function fail(error: Error): void {
  throw error;
}
