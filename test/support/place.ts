/** Where a server of a test keeps what it must not lose, and how a test looks into it from outside. */
import type { DataSource } from 'typeorm';
import type { Database } from '../../src/store/database.js';

/** `MILLRACE_…` variables. */
export type ServerEnv = Readonly<Record<string, string>>;

/** The rows of a store, asked for in SQL that every dialect understands. */
export interface StoredRows {
  rows<R>(sql: string): Promise<R[]>;
  /** What the database itself finds wrong with its files; nothing if all is well. */
  damage(): Promise<string[]>;
}

export interface Place {
  /** A folder for this server alone, where no `.env` is. */
  readonly folder: string;
  /** Variables that lead a server there. */
  readonly env: ServerEnv;
  /** The key with every right; only after the first start. */
  adminKey(): Promise<string>;
  /** Looks at what a server that does not run has left, without changing it. */
  examine<R>(look: (stored: StoredRows) => Promise<R>): Promise<R>;
  /** Changes the store of a server that does not run, to what would take hours to come about. Returns the rows changed. */
  alter(sql: string): Promise<number>;
  /** The store of a server that does not run, for procedures. */
  openDatabase(): Promise<Database>;
  /** A further connection to the store, for rows that no procedure makes; the server may run. */
  openSource(): Promise<DataSource>;
  /** Keys of all finished blobs. */
  blobKeys(): Promise<string[]>;
  blob(key: string): Promise<Buffer>;
  /** As a disk that fails does: other bytes under the same key, or none. The server may run. */
  damageBlob(key: string, bytes: Buffer | null): Promise<void>;
  /** Names of all that is kept of files, finished or not, as far as it can be seen; see `showsBeginnings`. */
  storedNames(): Promise<string[]>;
  /** Names of what was begun and not ended, where that can be seen. */
  unfinishedNames(): Promise<string[]>;
  /** Whether also the first bytes of a small upload can be seen. */
  readonly showsBeginnings: boolean;
  /** Every byte that is kept, in no particular order; for finding what must not be there. The server may run. */
  contents(): Promise<Buffer[]>;
  remove(): Promise<void>;
}

/** Runs `work` on the store of a server that does not run. */
export async function withDatabase<R>(place: Place, work: (database: Database) => Promise<R>): Promise<R> {
  const database = await place.openDatabase();
  try {
    return await work(database);
  } finally {
    await database.close();
  }
}
