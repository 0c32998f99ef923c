/**
 * The writer of one process on MySQL: one group at a time, on a connection of its pool. Several processes write at once, so
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
import { isCollision, isDuplicateKey, isLockWait, isLost, isReadOnly, outageOf } from './mysql-errors.js';
import { MysqlRunner } from './mysql-runner.js';
import { MysqlTx } from './mysql-tx.js';
import { ServerClock } from './server-clock.js';

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

export class MysqlConnection implements GroupConnection {
  private readonly catalog = new MysqlCatalog();
  private runner: QueryRunner | null = null;
  private writer = newId('writer');
  private namedAt = performance.now();
  private isUnsettled = false;

  /** `clock`: whose time transactions go by; a ServerClock is set right at each begin. */
  constructor(
    private readonly dataSource: DataSource,
    private readonly clock: Clock,
  ) {
    this.catalog.check();
  }

  async begin(): Promise<Tx> {
    if (this.runner) await this.rollback();
    if (performance.now() - this.namedAt > NAME_LIFE_MS) {
      this.writer = newId('writer');
      this.namedAt = performance.now();
    }
    const runner = this.dataSource.createQueryRunner();
    this.runner = runner;
    // TypeORM would begin one of its own for some writes, and end ours by that.
    Object.assign(runner, { isTransactionActive: true });
    if (this.clock instanceof ServerClock) {
      const answers = (await runner.query(`START TRANSACTION; ${SERVER_NOW}`)) as [unknown, [{ now: number }]];
      this.clock.note(answers[1][0].now);
      return new MysqlTx(answers[1][0].now, runner, this.catalog);
    }
    await runner.query('START TRANSACTION');
    return new MysqlTx(this.clock.now(), runner, this.catalog);
  }

  async commit(mark: number): Promise<void> {
    const runner = this.runner!;
    // The transaction is still ours to roll back when this fails.
    await new MysqlRunner(runner).run(this.catalog.of(WRITE_MARK), { writer: this.writer, mark });
    try {
      await runner.query('COMMIT');
    } catch (error) {
      if (isReadOnly(error)) throw error; // so it is when this was refused
      // Cut off, the transaction ends one way or the other; until it has, its mark is locked.
      this.isUnsettled = true;
      this.drop(runner);
      throw error;
    }
    await this.release(runner);
  }

  async rollback(): Promise<void> {
    const runner = this.runner;
    if (!runner) return;
    try {
      await runner.query('ROLLBACK');
      await this.release(runner);
    } catch {
      // The server rolls back what a lost connection leaves.
      this.drop(runner);
    }
  }

  async committedMark(): Promise<number> {
    if (this.runner) return -1; // the transaction was not committed, and not even cut off
    const deadline = performance.now() + (this.isUnsettled ? SETTLE_MS : 0);
    for (;;) {
      try {
        const mark = await this.readMark();
        this.isUnsettled = false;
        return mark;
      } catch (error) {
        if (performance.now() >= deadline) throw error;
        await sleep(SETTLE_PAUSE_MS);
      }
    }
  }

  async isTransient(error: unknown, retry: number): Promise<boolean> {
    if (isCollision(error)) {
      await sleep(Math.random() * COLLISION_PAUSE_MS * 2 ** retry);
      return true;
    }
    // A duplicate of what another process wrote since it was looked for is found at the next look.
    return retry < FEW_RETRIES && (isLockWait(error) || isLost(error) || isDuplicateKey(error));
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
    await this.dataSource.query('DELETE FROM commit_mark WHERE writer = ?', [this.writer]);
  }

  /** On a fresh connection. A locking read, which waits for the end of a transaction that still holds the mark. */
  private async readMark(): Promise<number> {
    const [row] = await new MysqlRunner(this.dataSource).all(this.catalog.of(READ_MARK), { writer: this.writer });
    return (row as { mark: number } | undefined)?.mark ?? 0;
  }

  private async release(runner: QueryRunner): Promise<void> {
    this.runner = null;
    Object.assign(runner, { isTransactionActive: false });
    await runner.release();
  }

  private drop(runner: QueryRunner): void {
    this.runner = null;
    const { databaseConnection } = runner as unknown as { databaseConnection?: { destroy: () => void } };
    databaseConnection?.destroy();
  }
}
