/**
 * A look at the database from outside of the server, which may run meanwhile: it is opened to read, and nothing in it is
 * repaired or brought up to date. For tools of operators.
 */
import type { DataSource } from 'typeorm';
import { UpstreamRow } from '../entities/upstream.entity.js';
import {
  INSPECT_BLOBS,
  INSPECT_COUNTS,
  INSPECT_LATEST,
  type None,
  type PromisedBlob,
  type StoreCounts,
} from '../inspection.js';
import { schemaDrift } from '../migrator.js';
import { SqlCatalog } from '../sql-catalog.js';
import type { Statement } from '../statement.js';
import { PreparedStatements } from './prepared-statements.js';
import { SQLITE_FOLDER } from './sqlite-connection.js';
import { handleOf, openSqlite } from './sqlite-data-source.js';
import { pendingSqliteMigrations } from './sqlite-migrations.js';

const ALL_PAGES = 0x7fffffff;

export class SqliteInspection {
  private constructor(private readonly dataSource: DataSource) {}

  /** Throws what SQLite says of a file that is none of its own, or cannot be read. */
  static async open(file: string): Promise<SqliteInspection> {
    return new SqliteInspection(await openSqlite(file, 'read'));
  }

  async close(): Promise<void> {
    await this.dataSource.destroy();
  }

  /** What is damaged, in SQLite's words; empty when nothing is. `isDeep` compares indexes with tables, which takes longer. */
  damage(isDeep: boolean): string[] {
    const rows = handleOf(this.dataSource).pragma(isDeep ? 'integrity_check' : 'quick_check') as object[];
    return rows.map((row) => String(Object.values(row)[0])).filter((line) => line !== 'ok');
  }

  /** Names of migrations that have not run here. Throws for a schema that a newer version has made. */
  pendingMigrations(): Promise<string[]> {
    return pendingSqliteMigrations(this.dataSource);
  }

  /** Statements that would make the schema what this version expects; empty when it is. */
  drift(): Promise<string[]> {
    return schemaDrift(this.dataSource);
  }

  /** Epoch ms of the latest event that was written; 0 when there was none. */
  latestAt(): number {
    return this.rows(INSPECT_LATEST)[0]!.latestAt;
  }

  counts(): StoreCounts {
    return this.rows(INSPECT_COUNTS)[0]!;
  }

  promisedBlobs(): PromisedBlob[] {
    return this.rows(INSPECT_BLOBS);
  }

  upstreams(): Promise<UpstreamRow[]> {
    return this.dataSource.manager.find(UpstreamRow, { order: { seq: 'ASC' } });
  }

  /** Copies the database as it is at one moment into a new file, while others go on writing. */
  async copyTo(file: string): Promise<void> {
    // In one step, because a copy in several begins anew whenever a server writes in between.
    await handleOf(this.dataSource).backup(file, { progress: () => ALL_PAGES });
    await settle(file);
  }

  private rows<R>(named: Statement<None, R>): R[] {
    const catalog = new SqlCatalog(SQLITE_FOLDER);
    return new PreparedStatements(handleOf(this.dataSource), catalog).of(named).all({}) as R[];
  }
}

/** Makes the copy one file that can be read from a disk nobody may write to. */
async function settle(file: string): Promise<void> {
  const copy = await openSqlite(file, 'write');
  try {
    handleOf(copy).pragma('journal_mode = DELETE');
  } finally {
    await copy.destroy();
  }
}

/** Writes into the database and waits for the disk, without changing anything. Returns the milliseconds it took. */
export async function probeCommit(file: string): Promise<number> {
  const dataSource = await openSqlite(file, 'write');
  try {
    const handle = handleOf(dataSource);
    const startedAt = performance.now();
    handle.exec('BEGIN IMMEDIATE');
    handle.pragma(`user_version = ${Number(handle.pragma('user_version', { simple: true }))}`);
    handle.exec('COMMIT');
    return performance.now() - startedAt;
  } finally {
    await dataSource.destroy();
  }
}
