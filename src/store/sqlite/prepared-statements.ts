import type BetterSqlite3 from 'better-sqlite3';
import type { SqlCatalog } from '../sql-catalog.js';
import type { SqlParams } from '../statement.js';

/** A prepared statement that takes the parameters of its SQL file by name. */
export class PreparedStatement {
  private readonly prepared: BetterSqlite3.Statement;
  private readonly names: readonly string[];
  /** Null for a statement that returns no rows. */
  private readonly columns: readonly string[] | null;

  /**
   * The driver looks names up one by one at each run; parameters by position cost half. So each `:name` becomes `?` here, and
   * its value is given as often as it occurs. Colons stand nowhere else in our SQL.
   */
  constructor(database: BetterSqlite3.Database, sql: string) {
    const names: string[] = [];
    const positional = sql.replace(/^\s*--.*$/gm, '').replace(/:(\w+)/g, (_, name: string) => {
      names.push(name);
      return '?';
    });
    this.prepared = database.prepare(positional);
    this.names = names;
    this.columns = this.prepared.reader ? this.prepared.columns().map(({ name }) => name) : null;
    if (this.columns !== null) this.prepared.raw();
  }

  /** Rows as objects. The driver would set each key of each row through a call of V8's; made here they cost half. */
  all(params: SqlParams): unknown[] {
    const rows = this.prepared.all(this.valuesOf(params));
    const { columns } = this;
    return columns === null ? rows : rows.map((values) => objectOf(columns, values as unknown[]));
  }

  /** Rows changed. */
  run(params: SqlParams): number {
    return this.prepared.run(this.valuesOf(params)).changes;
  }

  private valuesOf(params: SqlParams): unknown[] {
    const values = new Array<unknown>(this.names.length);
    for (let index = 0; index < values.length; index += 1) {
      const name = this.names[index]!;
      // The driver would take it for null.
      if (params[name] === undefined) throw new Error(`no value was given for :${name}`);
      values[index] = params[name];
    }
    return values;
  }
}

function objectOf(keys: readonly string[], values: readonly unknown[]): Record<string, unknown> {
  const row: Record<string, unknown> = {};
  for (let index = 0; index < keys.length; index += 1) row[keys[index]!] = values[index];
  return row;
}

/** Prepares each named statement once per connection. */
export class PreparedStatements {
  private readonly prepared = new Map<string, PreparedStatement>();

  constructor(
    private readonly database: BetterSqlite3.Database,
    private readonly catalog: SqlCatalog,
  ) {}

  of(statement: { readonly name: string }): PreparedStatement {
    let prepared = this.prepared.get(statement.name);
    if (!prepared) {
      prepared = new PreparedStatement(this.database, this.catalog.textOf(statement));
      this.prepared.set(statement.name, prepared);
    }
    return prepared;
  }
}
