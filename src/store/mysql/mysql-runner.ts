import type { SqlParams } from '../statement.js';
import { jsonOf, type MysqlStatement, type MysqlStep } from './mysql-statement.js';

/** A connection, or a pool of them. */
interface Queryable {
  query: (sql: string) => Promise<unknown>;
}

type Row = Record<string, unknown> & { seq?: number; place?: number };

/** Bytes of one statement at most; the server's own limit is 16 MiB unless somebody lowered it. */
const MAX_STATEMENT_BYTES = 4 * 1024 * 1024;
/** Tuples of one INSERT at most: more make none cheaper. */
const MAX_TUPLES = 500;

/** Runs what SQL files say on one connection; see MysqlStatement for what they may say. */
export class MysqlRunner {
  constructor(private readonly runner: Queryable) {}

  async all(statement: MysqlStatement, params: SqlParams): Promise<unknown[]> {
    return (await this.walk(statement, params)).rows;
  }

  /** Rows changed by the last step. */
  async run(statement: MysqlStatement, params: SqlParams): Promise<number> {
    if (statement.isOfMany) return (await this.each(statement, [params]))[0]!;
    return (await this.walk(statement, params)).changed;
  }

  /** Rows changed by each item, in their order. */
  async each(statement: MysqlStatement, items: readonly SqlParams[]): Promise<number[]> {
    if (items.length === 0) return [];
    if (statement.insert) return this.insert(statement.insert, items);
    if (statement.isOfMany) return this.changeMany(statement, items);
    const changes: number[] = [];
    for (const item of items) changes.push(await this.run(statement, item));
    return changes;
  }

  /** Step by step; `changed` is 0 where the last one did not run. */
  private async walk({ steps }: MysqlStatement, params: SqlParams): Promise<{ rows: Row[]; changed: number }> {
    let rows: Row[] = [];
    let changed = 0;
    for (const step of steps) {
      changed = 0;
      if (isIdle(step, rows)) break;
      const result = await this.send(step.with(params, seqsOf(rows)));
      if (step.isSelect) rows = result as Row[];
      else changed = (result as { affectedRows: number }).affectedRows;
    }
    return { rows, changed };
  }

  private async changeMany({ steps }: MysqlStatement, items: readonly SqlParams[]): Promise<number[]> {
    const changes = new Array<number>(items.length).fill(0);
    const isChecked = steps[0]!.isSelect;
    let holding = items;
    for (const step of steps) {
      const result = await this.send(step.with({ items: jsonOf(holding) }, []));
      if (step.isSelect) {
        const places = firstPlaces(result as Row[]);
        for (const place of places) changes[place] = 1;
        holding = places.map((place) => items[place]!);
        if (holding.length === 0) return changes;
      } else if (!isChecked) {
        const { affectedRows } = result as { affectedRows: number };
        if (affectedRows === items.length) changes.fill(1);
        // Which ones is not known, and only one item's count can be told.
        else if (items.length > 1) throw new Error(`${affectedRows} of ${items.length} rows were there to change`);
      }
    }
    return changes;
  }

  private async insert(
    { head, tuple, tail }: NonNullable<MysqlStatement['insert']>,
    items: readonly SqlParams[],
  ): Promise<number[]> {
    let tuples: string[] = [];
    let bytes = 0;
    const flush = async () => {
      await this.send(`${head}${tuples.join(', ')}${tail}`);
      tuples = [];
      bytes = 0;
    };
    for (const item of items) {
      const text = tuple.with(item, []);
      if (tuples.length === MAX_TUPLES || (tuples.length > 0 && bytes + text.length > MAX_STATEMENT_BYTES))
        await flush();
      tuples.push(text);
      bytes += text.length;
    }
    await flush();
    return items.map(() => 1);
  }

  private send(sql: string): Promise<unknown> {
    return this.runner.query(sql);
  }
}

function isIdle(step: MysqlStep, rows: readonly Row[]): boolean {
  return step.names.has('found') && rows.length === 0;
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
