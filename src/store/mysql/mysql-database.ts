import type { DataSource, EntityManager } from 'typeorm';
import type { Clock } from '../../kernel/clock.js';
import { DATABASE_FIX, describeDatabaseUrl } from '../../config/database-url.js';
import { messageOf } from '../../kernel/errors.js';
import { newId } from '../../kernel/ids.js';
import { Database } from '../database.js';
import { GroupCommit, type GroupCommitHooks, type RunGroup, type WriteOptions } from '../group-commit.js';
import { GroupExecutor } from '../group-executor.js';
import type { Procedure } from '../procedure.js';
import '../procedures/all-procedures.js';
import { refuseHalfMoved } from '../move/move-mark.js';
import type { SqlParams, Statement } from '../statement.js';
import { MysqlCatalog } from './mysql-catalog.js';
import { MysqlConnection } from './mysql-connection.js';
import { openMysql, type MysqlSourceOptions } from './mysql-data-source.js';
import { checkMysqlSchema, hasMysqlSchema, migrateMysql, prepareMysqlSchema } from './mysql-migrations.js';
import { MysqlRunner } from './mysql-runner.js';
import { OutageWatch, type OutageHooks } from './outage-watch.js';
import { ServerClock } from './server-clock.js';

/** While one does its work the next one waits for its turn, begun and all said. More would only be smaller ones. */
const GROUPS_AT_ONCE = 2;
/** For each group one that writes and, when that is cut off, one that settles what became of a commit. */
const WRITE_CONNECTIONS = 2 * GROUPS_AT_ONCE;
/** One migrates; another holds the lock meanwhile. */
const SCHEMA_CONNECTIONS = 3;
/** Statements of a migration take as long as their tables are large, and the lock is held in silence. */
const SCHEMA_READ_MS = 3_600_000;
const SCHEMA_LIFE_MS = 2 * SCHEMA_READ_MS;
/** Others stand still for so long when a process is halted in the midst of a transaction. */
const WRITE_LIFE_MS = 6_000;
const READ_CONNECTIONS = 8;
/** What one process has open at most, once it has looked at the schema. */
export const MYSQL_CONNECTIONS = READ_CONNECTIONS + WRITE_CONNECTIONS;

export interface MysqlDatabaseOptions {
  /** `mysql://user:password@host:port/database`. */
  url: string;
  /**
   * Whether this process may bring the schema up to date; else it refuses one that is more than one step older. An empty
   * database gets its schema in any case.
   */
  mayMigrate: boolean;
  /** Whose time the store goes by; left out, that of the database server. */
  clock?: Clock;
  /** How long one answer of the server may take, ms; left out, long enough for the slowest. */
  readMs?: number;
  /** How long the fate of a commit is asked for when the server fell silent in it, ms; left out, as long as a restart takes. */
  settleMs?: number;
  hooks?: GroupCommitHooks & OutageHooks;
}

/** MySQL or MariaDB, which other processes write to as well. */
export class MysqlDatabase extends Database {
  readonly reader: EntityManager;
  private readonly catalog = new MysqlCatalog();
  private readonly statements: MysqlRunner;

  private constructor(
    private readonly readSource: DataSource,
    private readonly writeSource: DataSource,
    private readonly connections: readonly MysqlConnection[],
    private readonly commits: GroupCommit,
    /** The store's time, for whoever asks it for what is due. */
    readonly clock: Clock,
  ) {
    super();
    this.reader = readSource.manager;
    this.statements = MysqlRunner.on(readSource);
  }

  static async open(options: MysqlDatabaseOptions): Promise<MysqlDatabase> {
    const { url, mayMigrate, clock = new ServerClock(), settleMs, hooks } = options;
    await checkSchema(url, mayMigrate);
    const watch = hooks === undefined ? null : new OutageWatch(hooks);
    const common = { url, watch, ...(options.readMs === undefined ? {} : { readMs: options.readMs }) };
    const forWriting = { ...common, poolSize: WRITE_CONNECTIONS, isForWriting: true, lifeMs: WRITE_LIFE_MS };
    const writeSource = await reached(forWriting);
    let readSource: DataSource | null = null;
    try {
      readSource = await reached({ ...common, poolSize: READ_CONNECTIONS, isForWriting: false });
      const turn = newId('writer');
      const connections = Array.from(
        { length: GROUPS_AT_ONCE },
        () => new MysqlConnection(writeSource, clock, turn, settleMs),
      );
      await connections[0]!.forgetOldMarks();
      const runners = connections.map((connection): RunGroup => {
        const executor = new GroupExecutor(connection);
        return (calls, onHeld) => executor.execute(calls, clock.now(), onHeld);
      });
      return new MysqlDatabase(readSource, writeSource, connections, new GroupCommit(runners, hooks), clock);
    } catch (error) {
      await readSource?.destroy();
      await writeSource.destroy();
      throw error;
    }
  }

  write<A, R>(procedure: Procedure<A, R>, args: A, options?: WriteOptions): Promise<R> {
    return this.commits.write(procedure, args, options);
  }

  all<P extends SqlParams, R>(statement: Statement<P, R>, params: P): Promise<R[]> {
    return this.statements.all(this.catalog.of(statement), params) as Promise<R[]>;
  }

  async close(): Promise<void> {
    await this.commits.close();
    try {
      for (const connection of this.connections) await connection.close();
    } finally {
      await this.readSource.destroy();
      await this.writeSource.destroy();
    }
  }
}

/** Only where there is something to migrate is a long silence of the server none to give up for. */
async function checkSchema(url: string, mayMigrate: boolean): Promise<void> {
  const isReady = await onSchema({ url }, async (source) => {
    if (!(await hasMysqlSchema(source, mayMigrate))) return false;
    await checkMysqlSchema(source);
    await refuseHalfMoved(source);
    return true;
  });
  if (isReady) return;
  await onSchema({ url, readMs: SCHEMA_READ_MS, lifeMs: SCHEMA_LIFE_MS }, async (source) => {
    await (mayMigrate ? migrateMysql(source) : prepareMysqlSchema(source));
    await refuseHalfMoved(source);
  });
}

/** Says which service it was that could not be reached, where, and what to do: the driver does not. */
async function reached(options: MysqlSourceOptions): Promise<DataSource> {
  try {
    return await openMysql(options);
  } catch (cause) {
    const where = describeDatabaseUrl(options.url);
    throw new Error(`the database at ${where} cannot be used: ${messageOf(cause)}; ${DATABASE_FIX}`, { cause });
  }
}

async function onSchema<T>(
  options: Pick<MysqlSourceOptions, 'url' | 'readMs' | 'lifeMs'>,
  work: (source: DataSource) => Promise<T>,
): Promise<T> {
  const source = await reached({ ...options, poolSize: SCHEMA_CONNECTIONS, isForWriting: true });
  try {
    return await work(source);
  } finally {
    await source.destroy();
  }
}
