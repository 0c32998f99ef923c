import { createRequire } from 'node:module';
import { DataSource } from 'typeorm';
import { mysqlEntities } from './mysql-entities.js';
import { outageOf } from './mysql-errors.js';

/** How long connecting may take, and how long one answer. A server that is silent for longer is taken to be down. */
const CONNECT_MS = 5_000;
export const READ_MS = 15_000;
/** An idle connection is closed by us before the server does it. */
const IDLE_MS = 60_000;

/**
 * Said on each new connection. A client that vanished without a word holds its locks until `wait_timeout`, seconds; who waits
 * for a lock gives up after `innodb_lock_wait_timeout`. Backslashes escape, which our escaping of values counts on.
 */
const SESSION = [
  `sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'`,
  `time_zone = '+00:00'`,
  `wait_timeout = 120`,
  `innodb_lock_wait_timeout = 5`,
].join(', ');

export interface MysqlSourceOptions {
  /** `mysql://user:password@host:port/database`. */
  url: string;
  /** Connections at most. */
  poolSize: number;
  /** Whether several statements may be sent at once. */
  isForWriting: boolean;
  /** How TypeORM reads the schema, which MariaDB words otherwise. Its writes are the same for both only as `mysql`. */
  schemaOf?: 'mysql' | 'mariadb';
}

/** Rejects with what the driver says when the server cannot be reached. */
export async function openMysql({
  url,
  poolSize,
  isForWriting,
  schemaOf = 'mysql',
}: MysqlSourceOptions): Promise<DataSource> {
  const dataSource = new DataSource({
    type: schemaOf,
    url,
    entities: mysqlEntities(),
    synchronize: false,
    logging: false,
    logger: 'debug',
    charset: 'UTF8MB4_BIN',
    timezone: 'Z',
    connectTimeout: CONNECT_MS,
    poolSize,
    supportBigNumbers: true,
    bigNumberStrings: false,
    multipleStatements: isForWriting,
    maxQueryExecutionTime: READ_MS,
    enableQueryTimeout: true,
    driver: withSession(),
    extra: { decimalNumbers: true, enableKeepAlive: true, maxIdle: Math.min(2, poolSize), idleTimeout: IDLE_MS },
  });
  return tellingOutages(await dataSource.initialize());
}

/** The part of the driver that TypeORM uses, with every new connection prepared for us before its first statement. */
function withSession(): { createPool: (options: object) => Pool } {
  const mysql = createRequire(import.meta.url)('mysql2') as { createPool: (options: object) => Pool };
  return {
    createPool: (options) => {
      const pool = mysql.createPool(options);
      pool.on('connection', (connection) => {
        // What fails here fails the next statement on this connection too, and is told there.
        const ignore = () => {};
        connection.query(`SET SESSION ${SESSION}`, ignore);
        connection.query('SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED', ignore);
      });
      return pool;
    },
  };
}

interface Pool {
  on: (
    event: 'connection',
    listener: (connection: { query: (sql: string, done: () => void) => void }) => void,
  ) => unknown;
}

/** Makes `store_unavailable` of whatever only says that the server is not there, for every reader alike. */
function tellingOutages(dataSource: DataSource): DataSource {
  const create = dataSource.createQueryRunner.bind(dataSource);
  dataSource.createQueryRunner = (mode) => {
    const runner = create(mode);
    const query = runner.query.bind(runner) as (...args: unknown[]) => Promise<never>;
    runner.query = async (...args: unknown[]): Promise<never> => {
      try {
        return await query(...args);
      } catch (error) {
        throw outageOf(error) ?? error;
      }
    };
    return runner;
  };
  return dataSource;
}
