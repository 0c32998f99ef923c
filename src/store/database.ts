import type { EntityManager } from 'typeorm';
import type { WriteOptions } from './group-commit.js';
import type { Procedure } from './procedure.js';
import type { SqlParams, Statement } from './statement.js';

/**
 * The store as the rest of the server sees it: writes are procedures, joined into group commits; reads go beside them
 * and see only what is committed.
 */
export abstract class Database {
  /** Resolves once the result is durable; rejects with the MillraceError the procedure refused with. */
  abstract write<A, R>(procedure: Procedure<A, R>, args: A, options?: WriteOptions): Promise<R>;

  /** For reads of entities on cold paths. Never write through it. */
  abstract readonly reader: EntityManager;

  /** A named read. Keep results to about 500 rows: long reads block others and stop the log from being reset. */
  abstract all<P extends SqlParams, R>(statement: Statement<P, R>, params: P): Promise<R[]>;

  /** Commits what waits, then closes. */
  abstract close(): Promise<void>;
}
