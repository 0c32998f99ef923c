/**
 * The one writing connection, in the writer thread. Because every write of the process goes through it, one group at a
 * time, transactions of different callers can never mix, which they do on a SQLite connection that TypeORM shares.
 */
import type { DataSource, EntityManager, QueryRunner } from 'typeorm';
import { MillraceError } from '../../kernel/errors.js';
import { READ_MARK, WRITE_MARK } from '../commit-mark.js';
import type { GroupConnection } from '../group-executor.js';
import type { Tx } from '../procedure.js';
import { SqlCatalog } from '../sql-catalog.js';
import type { SqlParams, Statement } from '../statement.js';
import { PreparedStatements } from './prepared-statements.js';
import { handleOf } from './sqlite-data-source.js';

export const SQLITE_FOLDER = new URL('../sql/sqlite/', import.meta.url);

/**
 * Pages of the log after which a commit also copies it back into the file. Four times as many made every group slower, as all
 * readers and writers look pages up in the log first, and now and then one that had to copy them all.
 */
const CHECKPOINT_PAGES = 1000;
const WRITER = 'sqlite';

export class SqliteConnection implements GroupConnection {
  private readonly statements: PreparedStatements;
  private readonly runner: QueryRunner;
  private isOpen = false;
  private mark = 0;

  constructor(private readonly dataSource: DataSource) {
    const catalog = new SqlCatalog(SQLITE_FOLDER);
    catalog.check();
    this.statements = new PreparedStatements(handleOf(dataSource), catalog);
    this.runner = dataSource.createQueryRunner();
    handleOf(dataSource).pragma(`wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
  }

  async begin(now: number, mark: number): Promise<Tx> {
    // Else TypeORM would nest this transaction in the last one, and its commit would be none.
    if (this.isOpen) await this.rollback();
    await this.runner.startTransaction();
    this.isOpen = true;
    this.mark = mark;
    return new SqliteTx(now, this.runner.manager, this.statements, this.dataSource);
  }

  async commit(): Promise<void> {
    this.statements.of(WRITE_MARK).run({ writer: WRITER, mark: this.mark });
    await this.runner.commitTransaction();
    this.isOpen = false;
  }

  async rollback(): Promise<void> {
    // SQLite ends the transaction by itself on a full disk and on some I/O errors. TypeORM does not see that, so it is
    // given a transaction to end.
    const handle = handleOf(this.dataSource);
    if (!handle.inTransaction) handle.exec('BEGIN');
    await this.runner.rollbackTransaction();
    this.isOpen = false;
  }

  committedMark(): Promise<number> {
    // Inside a transaction that failed to commit this connection would read its own unwritten mark.
    if (handleOf(this.dataSource).inTransaction) return Promise.resolve(-1);
    const row = this.statements.of(READ_MARK).all({ writer: WRITER })[0] as { mark: number } | undefined;
    return Promise.resolve(row?.mark ?? 0);
  }

  refusalOf(error: unknown): MillraceError | null {
    if ((error as { code?: unknown }).code !== 'SQLITE_FULL') return null;
    return new MillraceError('insufficient_storage', 'The disk of the server is full.', { cause: error });
  }

  isTransient(error: unknown): boolean {
    const code = (error as { code?: unknown }).code;
    return code === 'SQLITE_BUSY' || code === 'SQLITE_BUSY_SNAPSHOT';
  }
}

class SqliteTx implements Tx {
  /** The folder belongs to this process, and all writes go through this connection one after the other. */
  readonly locks = null;
  private savepoints = 0;

  constructor(
    readonly now: number,
    readonly manager: EntityManager,
    private readonly statements: PreparedStatements,
    private readonly dataSource: DataSource,
  ) {}

  async all<P extends SqlParams, R>(named: Statement<P, R>, params: P): Promise<R[]> {
    return this.statements.of(named).all(params) as R[];
  }

  async run<P extends SqlParams>(named: Statement<P>, params: P): Promise<number> {
    return this.statements.of(named).run(params);
  }

  async each<P extends SqlParams>(named: Statement<P>, items: readonly P[]): Promise<number[]> {
    const prepared = this.statements.of(named);
    return items.map((item) => prepared.run(item));
  }

  async later<P extends SqlParams>(named: Statement<P>, items: readonly P[]): Promise<void> {
    await this.each(named, items);
  }

  async savepoint<T>(work: () => Promise<T>): Promise<T> {
    const handle = handleOf(this.dataSource);
    const name = `item_${(this.savepoints += 1)}`;
    handle.exec(`SAVEPOINT ${name}`);
    try {
      const result = await work();
      handle.exec(`RELEASE ${name}`);
      return result;
    } catch (error) {
      if (handle.inTransaction) handle.exec(`ROLLBACK TO ${name}; RELEASE ${name}`);
      throw error;
    }
  }
}
