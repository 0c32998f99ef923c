import { SqlCatalog } from '../sql-catalog.js';
import { MysqlStatement } from './mysql-statement.js';

export const MYSQL_FOLDER = new URL('../sql/mysql/', import.meta.url);

/** The SQL files of MySQL, each taken apart when it is first used. */
export class MysqlCatalog {
  private readonly texts = new SqlCatalog(MYSQL_FOLDER);
  private readonly statements = new Map<string, MysqlStatement>();

  check(): void {
    this.texts.check();
  }

  of(named: { readonly name: string }): MysqlStatement {
    let found = this.statements.get(named.name);
    if (!found) this.statements.set(named.name, (found = new MysqlStatement(this.texts.textOf(named))));
    return found;
  }
}
