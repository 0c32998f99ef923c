/**
 * The driver's pool, with what it lacks: every new connection is prepared before its first statement, and connections behind
 * which nobody answers are given up. The driver itself only ends its patience with the statement: the connection would go
 * back to the pool, and the next statement on it would wait behind the first one, for ever.
 */
import { createRequire } from 'node:module';

/** What is used of a connection of the driver's. */
export interface PooledConnection {
  query: (what: { sql: string; timeout: number }, done: (error: Error | null) => void) => void;
  /** Takes it out of the pool, and says good-bye. */
  destroy: () => void;
  readonly stream: { destroy: (error?: Error) => void; once: (event: 'close', listener: () => void) => unknown };
}

interface Pool {
  on: (event: 'connection' | 'acquire' | 'release', listener: (connection: PooledConnection) => void) => unknown;
}

export interface MysqlPoolOptions {
  /** Statements to begin each connection with. */
  session: readonly string[];
  /** How long each of them may take. */
  patienceMs: number;
}

export class MysqlPool {
  /** The part of the driver that TypeORM uses; makes one pool. */
  readonly driver = { createPool: (options: object): Pool => this.open(options) };
  private readonly idle = new Set<PooledConnection>();

  constructor(private readonly options: MysqlPoolOptions) {}

  /** Gives up a connection that did not answer in time, and those that lie idle: the same has most likely befallen them. */
  giveUp(silent: PooledConnection): void {
    for (const connection of [silent, ...this.idle]) {
      this.idle.delete(connection);
      connection.destroy();
      // Nobody is there to hear the good-bye.
      connection.stream.destroy();
    }
  }

  private open(options: object): Pool {
    const mysql = createRequire(import.meta.url)('mysql2') as { createPool: (options: object) => Pool };
    const pool = mysql.createPool(options);
    pool.on('connection', (connection) => this.prepare(connection));
    pool.on('acquire', (connection) => this.idle.delete(connection));
    pool.on('release', (connection) => this.idle.add(connection));
    return pool;
  }

  private prepare(connection: PooledConnection): void {
    const { session, patienceMs } = this.options;
    // The driver closes idle ones every second, and each is half a megabyte to remember.
    connection.stream.once('close', () => this.idle.delete(connection));
    for (const sql of session) {
      connection.query({ sql, timeout: patienceMs }, (error) => {
        // Fails all that waits on it for its turn, which has begun to wait for nobody.
        if (error) connection.stream.destroy(error);
      });
    }
  }
}
