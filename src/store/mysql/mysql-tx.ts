import type { EntityManager, QueryRunner } from 'typeorm';
import type { Locks, Tx } from '../procedure.js';
import type { SqlParams, Statement } from '../statement.js';
import type { MysqlCatalog } from './mysql-catalog.js';
import { MysqlLocks } from './mysql-locks.js';
import { MysqlRunner } from './mysql-runner.js';

/** One transaction on MySQL. */
export class MysqlTx implements Tx {
  readonly manager: EntityManager;
  readonly locks: Locks;
  private readonly statements: MysqlRunner;
  private savepoints = 0;

  constructor(
    readonly now: number,
    private readonly runner: QueryRunner,
    private readonly catalog: MysqlCatalog,
  ) {
    this.manager = runner.manager;
    this.locks = new MysqlLocks(runner);
    this.statements = new MysqlRunner(runner);
  }

  all<P extends SqlParams, R>(named: Statement<P, R>, params: P): Promise<R[]> {
    return this.statements.all(this.catalog.of(named), params) as Promise<R[]>;
  }

  run<P extends SqlParams>(named: Statement<P>, params: P): Promise<number> {
    return this.statements.run(this.catalog.of(named), params);
  }

  each<P extends SqlParams>(named: Statement<P>, items: readonly P[]): Promise<number[]> {
    return this.statements.each(this.catalog.of(named), items);
  }

  async savepoint<T>(work: () => Promise<T>): Promise<T> {
    const name = `item_${(this.savepoints += 1)}`;
    await this.runner.query(`SAVEPOINT ${name}`);
    let result: T;
    try {
      result = await work();
    } catch (error) {
      await this.undoTo(name, error);
      throw error;
    }
    await this.runner.query(`RELEASE SAVEPOINT ${name}`);
    return result;
  }

  /** After a deadlock or on a lost connection there is nothing left to undo, and why is what callers must hear. */
  private async undoTo(name: string, why: unknown): Promise<void> {
    try {
      await this.runner.query(`ROLLBACK TO SAVEPOINT ${name}`);
      await this.runner.query(`RELEASE SAVEPOINT ${name}`);
    } catch {
      throw why;
    }
  }
}
