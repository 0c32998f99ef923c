import type { SqlParams } from '../statement.js';
import { jsonOf, type MysqlStatement } from './mysql-statement.js';

/** One connection; or a pool of them, for statements of one step. */
interface Sender {
  /** Several at once keep their order. */
  send: (sql: string) => Promise<unknown>;
}

type Row = Record<string, unknown> & { seq?: number; place?: number };

/** Characters of one statement at most, of three bytes each at most; the server's own limit is 16 MiB unless somebody lowered it. */
const MAX_STATEMENT_LENGTH = 4 * 1024 * 1024;
/** Tuples of one INSERT at most: more make none cheaper. */
const MAX_TUPLES = 500;

/** Runs what SQL files say on one connection; see MysqlStatement for what they may say. */
export class MysqlRunner {
  constructor(private readonly sender: Sender) {}

  /** On the connections of a pool, for statements of one step. */
  static on(pool: { query: (sql: string) => Promise<unknown> }): MysqlRunner {
    return new MysqlRunner({ send: (sql) => pool.query(sql) });
  }

  async all(statement: MysqlStatement, params: SqlParams): Promise<unknown[]> {
    return (await this.walk(statement, params)).rows;
  }

  /** Rows changed by the last step. */
  async run(statement: MysqlStatement, params: SqlParams): Promise<number> {
    if (statement.isOfMany) return (await this.each(statement, [params]))[0]!;
    const result = await (await this.walk(statement, params)).last;
    return isChange(result) ? result.affectedRows : 0;
  }

  /** Rows changed by each item, in their order. */
  async each(statement: MysqlStatement, items: readonly SqlParams[]): Promise<number[]> {
    if (items.length === 0) return [];
    if (statement.insert) {
      await Promise.all(textsOf(statement, items).map((text) => this.send(text)));
      return items.map(() => 1);
    }
    if (statement.isOfMany) return this.changeMany(statement, items);
    const changes: number[] = [];
    for (const item of items) changes.push(await this.run(statement, item));
    return changes;
  }

  /** As `each`, for statements of one step of which nobody asks what they changed. If one fails, all that follows fails. */
  later(statement: MysqlStatement, items: readonly SqlParams[]): void {
    if (items.length === 0) return;
    for (const text of textsOf(statement, items)) void this.send(text);
  }

  /** Step by step, each sent as soon as it is known. `last`: the answer to the last one, if it was sent. */
  private async walk({ steps }: MysqlStatement, params: SqlParams): Promise<{ rows: Row[]; last: Promise<unknown> }> {
    let selected = Promise.resolve<unknown>([]);
    let last = Promise.resolve<unknown>(null);
    for (const step of steps) {
      const found = step.names.has('found') ? ((await selected) as Row[]) : null;
      last = Promise.resolve(null);
      if (found?.length === 0) break;
      last = this.send(step.with(params, seqsOf(found ?? [])));
      if (step.isSelect) selected = last;
    }
    return { rows: (await selected) as Row[], last };
  }

  private async changeMany({ steps }: MysqlStatement, items: readonly SqlParams[]): Promise<number[]> {
    const changes = new Array<number>(items.length).fill(0);
    const isChecked = steps[0]!.isSelect;
    let holding = items;
    for (const step of steps) {
      const answer = this.send(step.with({ items: jsonOf(holding) }, []));
      if (step.isSelect) {
        const places = firstPlaces((await answer) as Row[]);
        for (const place of places) changes[place] = 1;
        holding = places.map((place) => items[place]!);
        if (holding.length === 0) return changes;
      } else if (!isChecked) {
        const { affectedRows } = (await answer) as { affectedRows: number };
        if (affectedRows === items.length) changes.fill(1);
        // Which ones is not known, and only one item's count can be told.
        else if (items.length > 1) throw new Error(`${affectedRows} of ${items.length} rows were there to change`);
      }
    }
    return changes;
  }

  /** Not each answer is waited for: when one is an error, that of the next statement is the same. */
  private send(sql: string): Promise<unknown> {
    const answer = this.sender.send(sql);
    answer.catch(() => {});
    return answer;
  }
}

function isChange(result: unknown): result is { affectedRows: number } {
  return result !== null && typeof result === 'object' && 'affectedRows' in result;
}

function textsOf(statement: MysqlStatement, items: readonly SqlParams[]): string[] {
  const { steps, insert, isOfMany } = statement;
  if (insert) return insertsOf(insert, items);
  const [step] = steps;
  if (!step || steps.length > 1) throw new Error('a statement of several steps needs answers on its way');
  return isOfMany ? [step.with({ items: jsonOf(items) }, [])] : items.map((item) => step.with(item, []));
}

/** As few statements as their bounds allow. */
function insertsOf(
  { head, tuple, tail }: NonNullable<MysqlStatement['insert']>,
  items: readonly SqlParams[],
): string[] {
  const texts: string[] = [];
  let tuples: string[] = [];
  let length = 0;
  const end = () => {
    texts.push(`${head}${tuples.join(', ')}${tail}`);
    tuples = [];
    length = 0;
  };
  for (const item of items) {
    const text = tuple.with(item, []);
    if (tuples.length === MAX_TUPLES || (tuples.length > 0 && length + text.length > MAX_STATEMENT_LENGTH)) end();
    tuples.push(text);
    length += text.length;
  }
  end();
  return texts;
}

function seqsOf(rows: readonly Row[]): number[] {
  return rows.flatMap(({ seq }) => (typeof seq === 'number' ? [seq] : []));
}

/** Places from 0, in order, of the first item for each row: what is said twice changes a row once. */
function firstPlaces(rows: readonly Row[]): number[] {
  const bySeq = new Map<number, number>();
  for (const { seq, place } of rows) {
    const before = bySeq.get(seq!);
    if (before === undefined || place! - 1 < before) bySeq.set(seq!, place! - 1);
  }
  return [...bySeq.values()].sort((a, b) => a - b);
}
