import { readdirSync, readFileSync } from 'node:fs';
import { declaredStatements } from './statement.js';

/** The SQL files of one dialect, read once. */
export class SqlCatalog {
  private readonly texts = new Map<string, string>();

  constructor(folder: URL) {
    for (const file of readdirSync(folder)) {
      if (!file.endsWith('.sql')) continue;
      this.texts.set(file.slice(0, -'.sql'.length), readFileSync(new URL(file, folder), 'utf8'));
    }
  }

  textOf(statement: { readonly name: string }): string {
    const text = this.texts.get(statement.name);
    if (text === undefined) throw new Error(`no SQL file is named '${statement.name}'`);
    return text;
  }

  /** Throws unless every statement declared so far has its file. */
  check(): void {
    const missing = [...declaredStatements()].filter((name) => !this.texts.has(name));
    if (missing.length > 0) throw new Error(`SQL files are missing for: ${missing.join(', ')}`);
  }
}
