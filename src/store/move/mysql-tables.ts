/** The database of a deployment while rows are moved into it. */
import { randomUUID } from 'node:crypto';
import type { DataSource } from 'typeorm';
import { DEPLOYMENT_ID, DeploymentStore } from '../deployment.store.js';
import { openMysql } from '../mysql/mysql-data-source.js';
import { migrateMysql } from '../mysql/mysql-migrations.js';
import { IS_OWN, markMove, moveUnderWay, unmarkMove } from './move-mark.js';
import type { MovedRow, MovedTable } from './sqlite-tables.js';

/** As everywhere: of one transaction. */
const MAX_ROWS = 500;
/** Characters of one statement, more or less; the server takes 16 MiB unless somebody lowered it. */
const MAX_CHARACTERS = 2 * 1024 * 1024;

export class MysqlTables {
  private constructor(private readonly dataSource: DataSource) {}

  /** Rejects with what the driver says when the server cannot be reached. Makes the schema of this version. */
  static async open(url: string): Promise<MysqlTables> {
    const dataSource = await openMysql({ url, poolSize: 3, isForWriting: true });
    try {
      await migrateMysql(dataSource);
      return new MysqlTables(dataSource);
    } catch (error) {
      await dataSource.destroy();
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.dataSource.destroy();
  }

  /** Where an unfinished move into this database came from; null when there was none. */
  moveUnderWay(): Promise<string | null> {
    return moveUnderWay(this.dataSource);
  }

  /** The name of a table that has rows already; null when none has. */
  async firstFilled(tables: readonly MovedTable[]): Promise<string | null> {
    for (const table of tables) if ((await this.count(table)) > 0) return table.name;
    return null;
  }

  get deployment(): DeploymentStore {
    return new DeploymentStore(this.dataSource.manager);
  }

  /** From now on no server starts here. Takes away what an earlier move has brought, but for whose the bucket is. */
  async begin(from: string, tables: readonly MovedTable[]): Promise<void> {
    await markMove(this.dataSource, from);
    const id = [DEPLOYMENT_ID, randomUUID()];
    await this.dataSource.query('INSERT IGNORE INTO setting (name, value) VALUES (?, ?)', id);
    for (const { name } of tables) {
      await this.dataSource.query(
        name === 'setting' ? `DELETE FROM setting WHERE NOT (${IS_OWN})` : `TRUNCATE \`${name}\``,
      );
    }
  }

  /** Servers may start. */
  async end(): Promise<void> {
    await unmarkMove(this.dataSource);
  }

  async insert({ name, columns }: MovedTable, rows: readonly MovedRow[]): Promise<void> {
    await this.dataSource.query(`INSERT INTO \`${name}\` (${quoted(columns)}) VALUES ?`, [rows]);
  }

  /** The next row gets a higher number than this one. */
  async continueAfter({ name }: MovedTable, number: number): Promise<void> {
    await this.dataSource.query(`ALTER TABLE \`${name}\` AUTO_INCREMENT = ${number + 1}`);
  }

  async count({ name }: MovedTable): Promise<number> {
    const where = name === 'setting' ? ` WHERE NOT (${IS_OWN})` : '';
    const [row] = await this.dataSource.query<[{ count: number }]>(`SELECT COUNT(*) AS count FROM \`${name}\`${where}`);
    return row.count;
  }

  /** Whether exactly these rows are there under their keys. */
  async holds({ name, columns, keys }: MovedTable, rows: readonly MovedRow[]): Promise<boolean> {
    const places = keys.map((key) => columns.indexOf(key));
    const wanted = rows.map((row) => places.map((place) => row[place]));
    const sql = `SELECT ${quoted(columns)} FROM \`${name}\` WHERE (${quoted(keys)}) IN (?) ORDER BY ${quoted(keys)}`;
    const one = wanted.map((key) => (key.length === 1 ? key[0] : key));
    const found = await this.dataSource.query<Record<string, unknown>[]>(sql, [one]);
    const there = found.map((row) => columns.map((column) => row[column]));
    return JSON.stringify(there) === JSON.stringify(rows);
  }
}

/** Rows in groups that one statement takes. */
export function* grouped(rows: Iterable<MovedRow>): Generator<MovedRow[]> {
  let group: MovedRow[] = [];
  let characters = 0;
  for (const row of rows) {
    group.push(row);
    for (const value of row) characters += typeof value === 'string' ? value.length : 8;
    if (group.length < MAX_ROWS && characters < MAX_CHARACTERS) continue;
    yield group;
    group = [];
    characters = 0;
  }
  if (group.length > 0) yield group;
}

function quoted(names: readonly string[]): string {
  return names.map((name) => `\`${name}\``).join(', ');
}
