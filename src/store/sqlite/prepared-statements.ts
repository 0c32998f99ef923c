import type BetterSqlite3 from 'better-sqlite3';
import type { SqlCatalog } from '../sql-catalog.js';

/** Prepares each named statement once per connection. */
export class PreparedStatements {
  private readonly prepared = new Map<string, BetterSqlite3.Statement>();

  constructor(
    private readonly database: BetterSqlite3.Database,
    private readonly catalog: SqlCatalog,
  ) {}

  of(statement: { readonly name: string }): BetterSqlite3.Statement {
    let prepared = this.prepared.get(statement.name);
    if (!prepared) {
      prepared = this.database.prepare(this.catalog.textOf(statement));
      this.prepared.set(statement.name, prepared);
    }
    return prepared;
  }
}
