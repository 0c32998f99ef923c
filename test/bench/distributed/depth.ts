/**
 * How long a lease and a take need in a lane of 10,000 and of 1,000,000 ready tasks, beside half as many that are done. Each lane
 * has a database of its own.
 */
import { createConnection, type Connection } from 'mysql2/promise';
import type { MysqlDatabase } from '../../../src/store/mysql/mysql-database.js';
import type { PullStore } from '../../../src/store/pull.store.js';
import type { TaskStore } from '../../../src/store/task.store.js';
import { numbersTo } from '../../support/mysql-store.js';
import { built } from '../tasks/built.js';
import { SideBySide, takeOf, type Ask, type Compared } from '../tasks/side-by-side.js';
import type { BenchServices } from './services.js';

const PER_CALL = 20;
const ROWS_EACH = 30_000;

export interface DepthRound {
  lease: Compared;
  take: Compared;
}

/** Both lanes, filled once for all rounds. */
export class DepthBench {
  private constructor(private readonly lanes: SideBySide<BenchLane>) {}

  static async open(services: BenchServices): Promise<DepthBench> {
    const small = await BenchLane.open(services, 10_000);
    return new DepthBench(new SideBySide(small, await BenchLane.open(services, 1_000_000)));
  }

  async round(): Promise<DepthRound> {
    return {
      lease: await this.lanes.compare((lane) => lane.lease()),
      take: await this.lanes.compare((lane) => lane.take()),
    };
  }

  close(): Promise<void> {
    return this.lanes.close();
  }
}

class BenchLane {
  private count = 0;

  private constructor(
    private readonly sql: Connection,
    private readonly database: MysqlDatabase,
    private readonly tasks: TaskStore,
    private readonly pull: PullStore,
  ) {}

  static async open(services: BenchServices, ready: number): Promise<BenchLane> {
    const { MysqlDatabase: Opened } = await built<{ MysqlDatabase: typeof MysqlDatabase }>(
      'store/mysql/mysql-database.js',
    );
    const { TaskStore: Tasks } = await built<{ TaskStore: typeof TaskStore }>('store/task.store.js');
    const { PullStore: Pull } = await built<{ PullStore: typeof PullStore }>('store/pull.store.js');
    const url = (await services.freshEnv())['MILLRACE_DATABASE_URL']!;
    const database = await Opened.open({ url, mayMigrate: true });
    const sql = await createConnection({ uri: url });
    const { clock } = database;
    const lane = new BenchLane(sql, database, new Tasks(database, clock), new Pull(database, clock));
    await lane.make();
    await lane.add(ready);
    return lane;
  }

  lease(): Ask {
    const request = { laneSeq: 1, want: PER_CALL, ownerSeq: 1, isUntyped: false };
    return { once: () => this.tasks.lease(request, false), gives: PER_CALL };
  }

  take(): Ask {
    return { once: () => this.pull.take(takeOf(PER_CALL, 0)), gives: PER_CALL };
  }

  async close(): Promise<void> {
    await this.database.close();
    await this.sql.end();
  }

  /** Every third task is done. Put past the lane's queue, which costs more than what is measured. */
  async add(ready: number): Promise<void> {
    const end = this.count + ready * 1.5;
    for (; this.count < end; this.count = Math.min(end, this.count + ROWS_EACH)) {
      await this.sql.query(
        `INSERT INTO task (id, tenant_seq, queue_seq, lane_seq, state, mode, enqueued_at)
         SELECT CONCAT('task_', ? + numbers.seq), 1, queue.seq, 1, CASE WHEN numbers.seq % 3 = 0 THEN 3 ELSE 1 END,
           'callback', ? + numbers.seq
         FROM ${numbersTo(Math.min(ROWS_EACH, end - this.count))} JOIN queue ON queue.id = 'queue_bench'`,
        [this.count, this.count],
      );
    }
    await this.sql.query('ANALYZE TABLE task');
  }

  private async make(): Promise<void> {
    await this.sql.query(
      `INSERT INTO queue (id, tenant_seq, name, visibility, models, consumers, completion_rule, eventbus, created_at, updated_at)
       VALUES ('queue_bench', 1, 'bench', 'private', '[]', '[]', 'first', 0, 0, 0)`,
    );
    await this.sql.query(
      `INSERT INTO lane (seq, queue_seq, level) SELECT 1, seq, 1 FROM queue WHERE id = 'queue_bench'`,
    );
  }
}
