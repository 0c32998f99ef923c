import type BetterSqlite3 from 'better-sqlite3';
import { compileToObject, compileToValues, type ToObject, type ToValues } from './compiled-fields.js';
import type { SqlCatalog } from '../sql-catalog.js';
import type { SqlParams } from '../statement.js';

/** A prepared statement that takes the parameters of its SQL file by name. */
export class PreparedStatement {
  private readonly prepared: BetterSqlite3.Statement;
  private readonly names: readonly string[];
  private readonly toValues: ToValues;
  /** Null for a statement that returns no rows. */
  private readonly toRow: ToObject | null;

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
    this.toValues = compileToValues(names);
    const columns = this.prepared.reader ? this.prepared.columns().map(({ name }) => name) : null;
    this.toRow = columns && compileToObject(columns);
    if (this.toRow !== null) this.prepared.raw();
  }

  /** Rows as objects. The driver would set each key of each row through a call of V8's; made here they cost half. */
  all(params: SqlParams): unknown[] {
    const rows = this.prepared.all(this.valuesOf(params));
    const { toRow } = this;
    return toRow === null ? rows : rows.map((values) => toRow(values as unknown[], 0));
  }

  /** Rows changed. */
  run(params: SqlParams): number {
    return this.prepared.run(this.valuesOf(params)).changes;
  }

  private valuesOf(params: SqlParams): unknown[] {
    const values = this.toValues(params);
    const missing = values.findIndex((value) => value === undefined); // the driver would take it for null
    if (missing >= 0) throw new Error(`no value was given for :${this.names[missing]}`);
    return values;
  }
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
