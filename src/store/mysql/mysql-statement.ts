/**
 * One SQL file of MySQL, taken apart once. MySQL changes rows without returning them, and a round trip per row would cost more
 * than the row, so a file may
 *
 *   - have several steps, each ended by `;` at the end of a line. The rows of the last SELECT are the answer, and `:found` in a
 *     later step is the list of their `seq`s; a step that needs it does not run, nor any after it, when there are none.
 *   - work on many items at once, for `Tx.each`: `:items` is a JSON array of them, which JSON_TABLE unpacks. A SELECT of
 *     `place` (counted from 1) and `seq` says which items hold, each row for the first item that names it; later steps get
 *     only those. Without it every item must hold.
 *   - be an INSERT of one tuple of VALUES, which `Tx.each` repeats for each item.
 *
 * Values are put into the text here, since texts of changing length would only fill the server's store of prepared ones. Those
 * with a quote or a backslash are written as hexadecimal digits, so nothing that somebody says can end a literal, whatever the
 * server takes for an escape: several statements may be sent as one.
 */
import type { SqlParams, SqlValue } from '../statement.js';

const STEP_END = /;\s*(?:\n|$)/;
const NAME = /:(\w+)/;
/** Nothing in it means anything inside a literal: in UTF-8 no character has the byte of another. */
const PLAIN = /^[^'\\]*$/;

export class MysqlStep {
  readonly isSelect: boolean;
  readonly names: ReadonlySet<string>;
  /** Text, name, text, name, … text. */
  private readonly pieces: readonly string[];

  constructor(text: string) {
    this.isSelect = /^\s*SELECT\b/i.test(text);
    this.pieces = text.trim().split(NAME);
    this.names = new Set(this.pieces.filter((_, index) => index % 2 === 1));
  }

  /** `found`: rows of the step before. */
  with(params: SqlParams, found: readonly number[]): string {
    return this.pieces
      .map((piece, index) => {
        if (index % 2 === 0) return piece;
        return piece === 'found' ? found.join(', ') : literalOf(piece, params[piece]);
      })
      .join('');
  }
}

export class MysqlStatement {
  readonly steps: readonly MysqlStep[];
  /** Whether `:items` stands for all items. */
  readonly isOfMany: boolean;
  /** Of an INSERT of one tuple: what stands before it, the tuple, and what stands after it. */
  readonly insert: { head: string; tuple: MysqlStep; tail: string } | null;

  constructor(text: string) {
    const sql = text.replace(/^\s*--.*$/gm, '').trim();
    this.steps = sql
      .split(STEP_END)
      .filter((step) => step.trim() !== '')
      .map((step) => new MysqlStep(step));
    this.isOfMany = this.steps.some(({ names }) => names.has('items'));
    this.insert = this.steps.length === 1 ? insertIn(sql) : null;
  }
}

function insertIn(sql: string): MysqlStatement['insert'] {
  const start = /^INSERT\b[^;]*?\bVALUES\s*(?=\()/i.exec(sql);
  if (!start) return null;
  const from = start[0].length;
  let depth = 0;
  for (let at = from; at < sql.length; at += 1) {
    if (sql[at] === '(') depth += 1;
    if (sql[at] === ')') depth -= 1;
    if (depth === 0) {
      return { head: sql.slice(0, from), tuple: new MysqlStep(sql.slice(from, at + 1)), tail: sql.slice(at + 1) };
    }
  }
  throw new Error(`a tuple of VALUES is never closed: ${sql}`);
}

function literalOf(name: string, value: SqlValue | undefined): string {
  if (value === undefined) throw new Error(`no value was given for :${name}`);
  if (value === null) return 'NULL';
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new Error(`the value of :${name} is ${value}, which is no number for SQL`);
    return String(value);
  }
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'string') return `X'${value.toString('hex')}'`;
  return PLAIN.test(value) ? `'${value}'` : `_utf8mb4 X'${Buffer.from(value).toString('hex')}'`;
}

/** Items as `:items`. What is null is left out, because JSON's null is not the NULL of SQL everywhere. */
export function jsonOf(items: readonly SqlParams[]): string {
  return JSON.stringify(items, (_, value: unknown) => (value === null ? undefined : value));
}
