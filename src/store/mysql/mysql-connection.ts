/**
 * A writer of one process on MySQL: one group at a time, on a connection of its pool. Several processes write at once, so
 * transactions lock what they decide about, and a deadlock or a lost connection is nothing but a reason to begin again.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { DataSource, QueryRunner } from 'typeorm';
import type { Clock } from '../../kernel/clock.js';
import type { MillraceError } from '../../kernel/errors.js';
import { newId } from '../../kernel/ids.js';
import { READ_MARK, WRITE_MARK } from '../commit-mark.js';
import type { GroupConnection } from '../group-executor.js';
import type { Tx } from '../procedure.js';
import { MysqlCatalog } from './mysql-catalog.js';
import { isCollision, isDuplicateKey, isLockWait, isLost, isOfNoCommit, outageOf } from './mysql-errors.js';
import { MysqlRunner } from './mysql-runner.js';
import { MysqlSender, type SendText } from './mysql-sender.js';
import { MysqlTx } from './mysql-tx.js';
import { ServerClock } from './server-clock.js';

const COMMIT = 'COMMIT';
const SERVER_NOW = 'SELECT FLOOR(UNIX_TIMESTAMP(NOW(3)) * 1000) AS now';
/** How long the fate of a commit is asked for, when the server went down in it: a restart takes seconds. */
const SETTLE_MS = 30_000;
const SETTLE_PAUSE_MS = 200;
/** A writer is named anew after this, so that marks of older names may be forgotten after MARK_LIFE_MS. */
const NAME_LIFE_MS = 24 * 3_600_000;
const MARK_LIFE_MS = 30 * NAME_LIFE_MS;
/** Collisions are retried after a random part of this, doubled each time. */
const COLLISION_PAUSE_MS = 2;
/** What is not sure to pass by itself is retried this often. */
const FEW_RETRIES = 2;

interface OpenTransaction {
  /** Its statements go through the sender. */
  runner: QueryRunner;
  sender: MysqlSender;
  /** Past the sender. */
  query: QueryRunner['query'];
}

function turnOf(name: string): string {
  return `INSERT INTO commit_mark (writer, mark) VALUES ('${name}', 0) ON DUPLICATE KEY UPDATE mark = 0`;
}

export class MysqlConnection implements GroupConnection {
  private readonly catalog = new MysqlCatalog();
  private open: OpenTransaction | null = null;
  private writer = newId('writer');
  private namedAt = performance.now();
  /** Until when the fate of a commit that was cut off is asked for again and again, ms of performance.now. */
  private settleUntil = 0;

  /**
   * `clock`: whose time transactions go by; a ServerClock is set right at each begin. `turn`: the name of the row that all
   * connections of this process lock first, but for their own marks, if there are several. `settleMs`: as SETTLE_MS.
   */
  constructor(
    private readonly dataSource: DataSource,
    private readonly clock: Clock,
    private readonly turn: string | null = null,
    private readonly settleMs = SETTLE_MS,
  ) {
    this.catalog.check();
  }

  async begin(_now: number, mark: number): Promise<Tx> {
    if (this.open) await this.rollback();
    if (performance.now() - this.namedAt > NAME_LIFE_MS) {
      this.writer = newId('writer');
      this.namedAt = performance.now();
    }
    const runner = this.dataSource.createQueryRunner();
    const query = runner.query.bind(runner);
    const sender = new MysqlSender(query as SendText);
    // TypeORM would begin one of its own for some writes, and end ours by that.
    Object.assign(runner, { isTransactionActive: true, query: sender.send.bind(sender) });
    this.open = { runner, sender, query };
    sender.sendAlong('START TRANSACTION');
    // Before anything else: while the server works off what it was sent it does not see that the connection is lost, and whoever
    // asks for the mark meanwhile has to wait for the end.
    new MysqlRunner(sender).later(this.catalog.of(WRITE_MARK), [{ writer: this.writer, mark }]);
    if (this.turn !== null) sender.sendAlong(turnOf(this.turn));
    return new MysqlTx({ runner, sender, askTime: () => this.timeOf(sender) }, this.catalog);
  }

  /** What nobody waits for goes along with it. */
  async commit(): Promise<void> {
    const { runner, sender } = this.open!;
    try {
      await sender.send(COMMIT);
    } catch (error) {
      // The transaction is still ours to roll back when it came to no commit.
      if (!sender.hasSent(COMMIT) || isOfNoCommit(error)) throw error;
      // Cut off, the transaction ends one way or the other; until it has, its mark is locked.
      this.settleUntil = performance.now() + this.settleMs;
      this.drop(runner);
      throw error;
    }
    await this.release(runner);
  }

  async rollback(): Promise<void> {
    if (!this.open) return;
    const { runner, sender, query } = this.open;
    sender.stop(new Error('the transaction was rolled back'));
    try {
      await query('ROLLBACK');
      await this.release(runner);
    } catch {
      // The server rolls back what a lost connection leaves.
      this.drop(runner);
    }
  }

  async committedMark(): Promise<number> {
    if (this.open) return -1; // the transaction was not committed, and not even cut off
    for (;;) {
      try {
        const mark = await this.readMark();
        this.settleUntil = 0;
        return mark;
      } catch (error) {
        // Its callers were told then that nobody knows; those who come later are refused as soon as nobody answers.
        if (performance.now() >= this.settleUntil) throw error;
        await sleep(SETTLE_PAUSE_MS);
      }
    }
  }

  async isTransient(error: unknown, retry: number): Promise<boolean> {
    if (isCollision(error)) {
      await sleep(Math.random() * COLLISION_PAUSE_MS * 2 ** retry);
      return true;
    }
    // Whoever holds it ends, and those who wait for their turn wait for a whole group.
    if (isLockWait(error)) return true;
    // A duplicate of what another process wrote since it was looked for is found at the next look.
    return retry < FEW_RETRIES && (isLost(error) || isDuplicateKey(error));
  }

  refusalOf(error: unknown): MillraceError | null {
    return outageOf(error);
  }

  /** Forgets the marks of writers that were last named so long ago that none of them lives. */
  async forgetOldMarks(): Promise<void> {
    const oldest = `writer_${Math.floor(Date.now() - MARK_LIFE_MS)
      .toString(16)
      .padStart(12, '0')}`;
    await this.dataSource.query(`DELETE FROM commit_mark WHERE writer LIKE 'writer\\_%' AND writer < ? LIMIT 1000`, [
      oldest,
    ]);
  }

  /** Forgets its own mark, when nothing is to be settled any more. */
  async close(): Promise<void> {
    await this.dataSource.query('DELETE FROM commit_mark WHERE writer IN (?, ?)', [this.writer, this.turn]);
  }

  private async timeOf(sender: MysqlSender): Promise<number> {
    if (!(this.clock instanceof ServerClock)) {
      await sender.answered();
      return this.clock.now();
    }
    const [{ now }] = (await sender.send(SERVER_NOW)) as [{ now: number }];
    this.clock.note(now);
    return now;
  }

  /** On a fresh connection. A locking read, which waits for the end of a transaction that still holds the mark. */
  private async readMark(): Promise<number> {
    const [row] = await MysqlRunner.on(this.dataSource).all(this.catalog.of(READ_MARK), {
      writer: this.writer,
    });
    return (row as { mark: number } | undefined)?.mark ?? 0;
  }

  private async release(runner: QueryRunner): Promise<void> {
    this.open = null;
    Object.assign(runner, { isTransactionActive: false });
    await runner.release();
  }

  private drop(runner: QueryRunner): void {
    this.open = null;
    const { databaseConnection } = runner as unknown as { databaseConnection?: { destroy: () => void } };
    databaseConnection?.destroy();
  }
}
