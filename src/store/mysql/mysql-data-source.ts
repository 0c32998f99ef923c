import { readFile } from 'node:fs/promises';
import { format, type SqlValue } from 'mysql2';
import { DataSource } from 'typeorm';
import { databasePlace, databaseTls, type DatabaseTls } from '../../config/database-url.js';
import { isOutage } from '../../kernel/errors.js';
import { mysqlEntities } from './mysql-entities.js';
import { isAccessDenied, isSilence, isTlsFailure, outageOf } from './mysql-errors.js';
import { MysqlPool, type PooledConnection } from './mysql-pool.js';
import type { OutageWatch } from './outage-watch.js';

/** How long connecting may take, and how long one answer. A server that is silent for longer is taken to be down. */
const CONNECT_MS = 5_000;
const READ_MS = 10_000;
/**
 * The server ends a connection that has been silent for so long, and what its transaction had locked is free. It is all that
 * ends the transaction of a process that was halted in it, or cut off without a word.
 */
const LIFE_MS = 120_000;

/** As TypeORM has it: an object among the values is a text, never several columns. */
const HAS_NO_OBJECTS = true;

/** Said on each new connection. Backslashes escape, which our escaping of values counts on. */
const sessionOf = (lifeMs: number): string[] => [
  `SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', time_zone = '+00:00',
   wait_timeout = ${lifeMs / 1_000}, innodb_lock_wait_timeout = 5`,
  'SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED',
];

export interface MysqlSourceOptions {
  /** `mysql://user:password@host:port/database`, with `?tls=…` where `databaseTls` reads it. */
  url: string;
  /** Connections at most. */
  poolSize: number;
  /** Whether several statements may be sent at once. */
  isForWriting: boolean;
  /** As READ_MS. */
  readMs?: number;
  /** As LIFE_MS, where others wait for what its transactions lock; whole seconds. */
  lifeMs?: number;
  /** How TypeORM reads the schema, which MariaDB words otherwise. Its writes are the same for both only as `mysql`. */
  schemaOf?: 'mysql' | 'mariadb';
  /** Told what came of each statement. */
  watch?: OutageWatch | null;
}

/** Rejects with what the driver says when the server cannot be reached. */
export async function openMysql({
  url,
  poolSize,
  isForWriting,
  readMs = READ_MS,
  lifeMs = LIFE_MS,
  schemaOf = 'mysql',
  watch = null,
}: MysqlSourceOptions): Promise<DataSource> {
  const tls = databaseTls(url);
  const pool = new MysqlPool({ session: sessionOf(lifeMs), patienceMs: readMs });
  const dataSource = new DataSource({
    type: schemaOf,
    ...placeOf(url),
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
    maxQueryExecutionTime: readMs,
    enableQueryTimeout: true,
    driver: pool.driver,
    ...(tls === null ? {} : { ssl: await encryptionOf(tls) }),
    extra: {
      decimalNumbers: true,
      queryFormat: textOf,
      enableKeepAlive: true,
      maxIdle: Math.min(2, poolSize),
      // Closed by us before the server does it.
      idleTimeout: lifeMs / 2,
    },
  });
  return tellingOutages(await initialized(dataSource, tls), pool, watch);
}

/** Read here, because TypeORM takes an IPv6 address for a host and a port. */
function placeOf(url: string): object {
  const { database, ...server } = databasePlace(url);
  return database === '' ? server : { ...server, database };
}

/** In the words of the driver, which never falls back to a connection that is not encrypted. */
async function encryptionOf({ isVerified, caPath }: DatabaseTls): Promise<object> {
  const ca = caPath === null ? {} : { ca: await readFile(caPath, 'utf8') };
  return { rejectUnauthorized: isVerified, verifyIdentity: isVerified, ...ca };
}

/** The driver does not say that it speaks of TLS, nor MariaDB that it wants it. */
async function initialized(dataSource: DataSource, tls: DatabaseTls | null): Promise<DataSource> {
  try {
    return await dataSource.initialize();
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    if (isTlsFailure(error)) error.message = `no TLS with the database server: ${error.message}`;
    if (tls === null && isAccessDenied(error)) error.message += '; said also to who comes without TLS (?tls=on)';
    throw error;
  }
}

/** Without values the driver would still look for their places, byte by byte, in statements of megabytes. */
function textOf(sql: string, values: SqlValue[], timezone: string): string {
  return values.length === 0 ? sql : format(sql, values, HAS_NO_OBJECTS, timezone);
}

/**
 * Makes `store_unavailable` of whatever only says that the server is not there, for every reader alike. A connection on which
 * it was silent is not used again.
 */
function tellingOutages(dataSource: DataSource, pool: MysqlPool, watch: OutageWatch | null): DataSource {
  const create = dataSource.createQueryRunner.bind(dataSource);
  dataSource.createQueryRunner = (mode) => {
    const runner = create(mode);
    const query = runner.query.bind(runner) as (...args: unknown[]) => Promise<never>;
    runner.query = async (...args: unknown[]): Promise<never> => {
      try {
        const answer = await query(...args);
        watch?.noteAnswer();
        return answer;
      } catch (error) {
        const { databaseConnection } = runner as unknown as { databaseConnection?: PooledConnection };
        if (databaseConnection && isSilence(error)) pool.giveUp(databaseConnection);
        const outage = outageOf(error);
        if (isOutage(outage)) watch?.noteRefusal(outage);
        throw outage ?? error;
      }
    };
    return runner;
  };
  return dataSource;
}
