/** Every row of the database in a data folder, for a move. No server may run on the folder meanwhile. */
import type { DataSource } from 'typeorm';
import { handleOf, openSqlite } from '../sqlite/sqlite-data-source.js';
import { pendingSqliteMigrations } from '../sqlite/sqlite-migrations.js';

/** A table, which both dialects have alike. */
export interface MovedTable {
  name: string;
  columns: readonly string[];
  /** Columns of the primary key. */
  keys: readonly string[];
  /** Whether the database numbers its rows. */
  isNumbered: boolean;
}

/** Values in the order of the columns. */
export type MovedRow = readonly (string | number | null)[];

/** They belong to the connections of the server that ran on the folder. */
const LEFT_BEHIND = new Set(['commit_mark']);

export class SqliteTables {
  private constructor(private readonly dataSource: DataSource) {}

  static async open(file: string): Promise<SqliteTables> {
    return new SqliteTables(await openSqlite(file, 'read'));
  }

  async close(): Promise<void> {
    await this.dataSource.destroy();
  }

  /** Names of migrations that have not run here. Throws for a schema that a newer version has made. */
  pendingMigrations(): Promise<string[]> {
    return pendingSqliteMigrations(this.dataSource);
  }

  /** All that are moved. */
  tables(): MovedTable[] {
    return this.dataSource.entityMetadatas
      .filter(({ tableName }) => !LEFT_BEHIND.has(tableName))
      .map(({ tableName, columns, primaryColumns, generatedColumns }) => ({
        name: tableName,
        columns: columns.map(({ databaseName }) => databaseName),
        keys: primaryColumns.map(({ databaseName }) => databaseName),
        isNumbered: generatedColumns.length > 0,
      }));
  }

  /** In the order of the primary key. Nothing else may be asked until it has ended. */
  rows({ name, columns, keys }: MovedTable): Iterable<MovedRow> {
    const sql = `SELECT ${quoted(columns)} FROM "${name}" ORDER BY ${quoted(keys)}`;
    return handleOf(this.dataSource).prepare(sql).raw().iterate() as Iterable<MovedRow>;
  }

  count({ name }: MovedTable): number {
    return handleOf(this.dataSource).prepare(`SELECT COUNT(*) FROM "${name}"`).pluck().get() as number;
  }

  /** The highest number that a row of this table ever had, also one that is gone. */
  lastNumber({ name }: MovedTable): number {
    const statement = handleOf(this.dataSource).prepare('SELECT seq FROM sqlite_sequence WHERE name = ?').pluck();
    return (statement.get(name) as number | undefined) ?? 0;
  }

  /** Every text that was sealed with the secret of the server. */
  sealedTexts(): string[] {
    const sql = `SELECT value FROM setting WHERE name = 'secret_canary'
      UNION ALL SELECT sealed_key FROM upstream WHERE sealed_key IS NOT NULL
      UNION ALL SELECT sealed FROM webhook_secret
      UNION ALL SELECT previous_sealed FROM webhook_secret WHERE previous_sealed IS NOT NULL`;
    return handleOf(this.dataSource).prepare(sql).pluck().all() as string[];
  }

  /** Size and hash of blobs, as they were noted when each was written; by key. */
  knownBlobs(): Map<string, { bytes: number; sha256: string | null }> {
    const sql = 'SELECT "key", bytes, sha256 FROM blob';
    const rows = handleOf(this.dataSource).prepare(sql).all() as {
      key: string;
      bytes: number;
      sha256: string | null;
    }[];
    return new Map(rows.map(({ key, bytes, sha256 }) => [key, { bytes, sha256 }]));
  }
}

function quoted(names: readonly string[]): string {
  return names.map((name) => `"${name}"`).join(', ');
}
