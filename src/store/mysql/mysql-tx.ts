import type { EntityManager, QueryRunner } from 'typeorm';
import type { Locks, Tx } from '../procedure.js';
import type { SqlParams, Statement } from '../statement.js';
import type { MysqlCatalog } from './mysql-catalog.js';
import { MysqlLocks } from './mysql-locks.js';
import { MysqlRunner } from './mysql-runner.js';
import type { MysqlSender } from './mysql-sender.js';

export interface MysqlTxStart {
  /** On which TypeORM writes, through the sender. */
  runner: QueryRunner;
  sender: MysqlSender;
  /** The store's time. */
  askTime: () => Promise<number>;
}

/** One transaction on MySQL. */
export class MysqlTx implements Tx {
  readonly manager: EntityManager;
  readonly locks: Locks;
  private readonly sender: MysqlSender;
  private readonly statements: MysqlRunner;
  private savepoints = 0;
  private at: number | null = null;
  /** Answers that were asked for before they are wanted, by what was asked. */
  private readonly readAhead = new Map<string, Promise<unknown[]>>();

  constructor(
    { runner, sender, askTime }: MysqlTxStart,
    private readonly catalog: MysqlCatalog,
  ) {
    this.manager = runner.manager;
    this.sender = sender;
    this.statements = new MysqlRunner(sender);
    this.locks = new MysqlLocks(sender, {
      tellTime: async () => void (this.at = await askTime()),
      readAhead: ({ statement, params }) => this.read(statement, params),
    });
  }

  get now(): number {
    if (this.at === null) throw new Error('a transaction does not know its time before its locks are held');
    return this.at;
  }

  async all<P extends SqlParams, R>(named: Statement<P, R>, params: P): Promise<R[]> {
    const key = keyOf(named, params);
    const read = this.readAhead.get(key);
    if (!read) return this.statements.all(this.catalog.of(named), params) as Promise<R[]>;
    this.readAhead.delete(key);
    return read as Promise<R[]>;
  }

  run<P extends SqlParams>(named: Statement<P>, params: P): Promise<number> {
    return this.statements.run(this.catalog.of(named), params);
  }

  each<P extends SqlParams>(named: Statement<P>, items: readonly P[]): Promise<number[]> {
    return this.statements.each(this.catalog.of(named), items);
  }

  async later<P extends SqlParams>(named: Statement<P>, items: readonly P[]): Promise<void> {
    this.statements.later(this.catalog.of(named), items);
  }

  async savepoint<T>(work: () => Promise<T>): Promise<T> {
    const name = `item_${(this.savepoints += 1)}`;
    this.sender.sendAlong(`SAVEPOINT ${name}`);
    try {
      const result = await work();
      this.sender.sendAlong(`RELEASE SAVEPOINT ${name}`);
      return result;
    } catch (error) {
      // After a statement that failed there is nothing left to undo, and these are not sent.
      this.sender.sendAlong(`ROLLBACK TO SAVEPOINT ${name}`);
      this.sender.sendAlong(`RELEASE SAVEPOINT ${name}`);
      throw error;
    }
  }

  private read(named: Statement<SqlParams, unknown>, params: SqlParams): void {
    const key = keyOf(named, params);
    if (this.readAhead.has(key)) return;
    const rows = this.statements.all(this.catalog.of(named), params);
    rows.catch(() => {}); // if it fails, so does all that comes after it
    this.readAhead.set(key, rows);
  }
}

function keyOf({ name }: { readonly name: string }, params: SqlParams): string {
  return `${name} ${JSON.stringify(params)}`;
}
