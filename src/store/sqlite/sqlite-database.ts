import type { DataSource, EntityManager } from 'typeorm';
import type { Clock } from '../../kernel/clock.js';
import { Database } from '../database.js';
import { GroupCommit, type GroupCommitHooks, type WriteOptions } from '../group-commit.js';
import type { Procedure } from '../procedure.js';
import { SqlCatalog } from '../sql-catalog.js';
import type { SqlParams, Statement } from '../statement.js';
import { FolderLock } from './folder-lock.js';
import { PreparedStatements } from './prepared-statements.js';
import { SQLITE_FOLDER } from './sqlite-connection.js';
import { handleOf, openSqlite, sqliteFileIn } from './sqlite-data-source.js';
import { WriterThread } from './writer-thread.js';

export interface SqliteDatabaseOptions {
  dataDir: string;
  clock: Clock;
  crashAt: string | null;
  /** Called when the writer thread dies unasked. */
  onDeath: (error: Error) => void;
  hooks?: GroupCommitHooks;
  /** The compiled writer; tests that run from source name the built one. */
  writerEntry?: URL;
}

/** SQLite in one folder: a lock on it, the writer thread, and a read-only connection in this thread. */
export class SqliteDatabase extends Database {
  readonly reader: EntityManager;
  private readonly statements: PreparedStatements;

  private constructor(
    private readonly lock: FolderLock,
    private readonly writer: WriterThread,
    private readonly readSource: DataSource,
    private readonly commits: GroupCommit,
  ) {
    super();
    this.reader = readSource.manager;
    this.statements = new PreparedStatements(handleOf(readSource), new SqlCatalog(SQLITE_FOLDER));
  }

  /** Takes the folder, brings its schema up to date and opens it. */
  static async open(options: SqliteDatabaseOptions): Promise<SqliteDatabase> {
    const file = sqliteFileIn(options.dataDir);
    const lock = FolderLock.acquire(options.dataDir);
    try {
      const entry = options.writerEntry ?? new URL('./writer.worker.js', import.meta.url);
      const writer = await WriterThread.start(entry, { file, crashAt: options.crashAt }, options.onDeath);
      const readSource = await openSqlite(file, 'read');
      const commits = new GroupCommit([(calls) => writer.run(calls, options.clock.now())], options.hooks);
      return new SqliteDatabase(lock, writer, readSource, commits);
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  write<A, R>(procedure: Procedure<A, R>, args: A, options?: WriteOptions): Promise<R> {
    return this.commits.write(procedure, args, options);
  }

  async all<P extends SqlParams, R>(statement: Statement<P, R>, params: P): Promise<R[]> {
    return this.statements.of(statement).all(params) as R[];
  }

  async close(): Promise<void> {
    await this.commits.close();
    await this.readSource.destroy();
    await this.writer.close();
    this.lock.release();
  }
}
