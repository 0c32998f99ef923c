/**
 * How writes and what came of them cross the thread. Hundreds of objects of one shape are cheap to copy once their keys are
 * said once and their values stand in one flat array; as objects of their own they cost the main thread more than anything
 * else it does for a write, and as JSON every answer of a model would be escaped and unescaped on its way to the disk.
 */
import { compileToObject, compileToValues } from './compiled-fields.js';
import type { WriteCall, WriteOutcome } from '../group-executor.js';

/** Objects of one shape, row after row, each in the order of the keys. */
interface Table {
  keys: string[];
  values: unknown[];
  /** Null: each row is an item. Else an item is a list of rows, of this many. */
  counts: number[] | null;
}

type Pack = Table | { items: unknown[] };

/** Calls of one procedure. */
export interface PackedCalls {
  procedure: string;
  packs: Pack[];
}

/** What went well, or outcomes as they are. */
export type PackedOutcomes = { oks: Pack[] } | { outcomes: WriteOutcome[] };

/** One message carries at most about this much: V8 puts what it takes out of a larger one (100 KB) into the old generation. */
const PART_SIZE = 64 * 1024;
const VALUE_SIZE = 8;

/** Packs calls, which should be sorted by procedure, into parts that are each small enough for a message. */
export function packCalls(calls: readonly WriteCall[]): PackedCalls[][] {
  const parts: PackedCalls[][] = [];
  let part: PackedCalls[] = [];
  let size = 0;
  for (const { procedure, args } of calls) {
    if (size >= PART_SIZE) {
      parts.push(part);
      part = [];
      size = 0;
    }
    let last = part.at(-1);
    if (last?.procedure !== procedure) part.push((last = { procedure, packs: [] }));
    size += pack(last.packs, args);
  }
  parts.push(part);
  return parts;
}

export function unpackCalls(part: readonly PackedCalls[]): WriteCall[] {
  return part.flatMap(({ procedure, packs }) => unpack(packs).map((args) => ({ procedure, args })));
}

export function packOutcomes(outcomes: readonly WriteOutcome[]): PackedOutcomes[] {
  const packed: PackedOutcomes[] = [];
  for (const outcome of outcomes) {
    let last = packed.at(-1);
    if ('ok' in outcome) {
      if (!last || !('oks' in last)) packed.push((last = { oks: [] }));
      pack(last.oks, outcome.ok);
    } else if (last && 'outcomes' in last) last.outcomes.push(outcome);
    else packed.push({ outcomes: [outcome] });
  }
  return packed;
}

export function unpackOutcomes(packed: readonly PackedOutcomes[]): WriteOutcome[] {
  return packed.flatMap((part) => ('outcomes' in part ? part.outcomes : unpack(part.oks).map((ok) => ({ ok }))));
}

type Row = Record<string, unknown>;

/** Adds an item and returns about how large it is. */
function pack(packs: Pack[], item: unknown): number {
  const last = packs.at(-1);
  const isList = isRowList(item);
  if (!isList && !isRow(item)) {
    if (last && 'items' in last) last.items.push(item);
    else packs.push({ items: [item] });
    return sizeOf(item);
  }
  const rows = isList ? item : [item];
  const { keys, values, counts } = tableFor(packs, rows[0]!, isList);
  counts?.push(rows.length);
  const toValues = toValuesOf(keys);
  let size = 0;
  for (const row of rows) {
    for (const value of toValues(row)) {
      values.push(value);
      size += sizeOf(value);
    }
  }
  return size;
}

/** The table that items before this one have begun, if it is of the same kind, else a new one. */
function tableFor(packs: Pack[], row: Row, isList: boolean): Table {
  const last = packs.at(-1);
  if (last && 'keys' in last && (last.counts !== null) === isList && hasKeys(row, last.keys)) return last;
  const table: Table = { keys: Object.keys(row), values: [], counts: isList ? [] : null };
  packs.push(table);
  return table;
}

function unpack(packs: readonly Pack[]): unknown[] {
  return packs.flatMap((part) => {
    if ('items' in part) return part.items;
    const rows = rowsOf(part);
    if (part.counts === null) return rows;
    let from = 0;
    return part.counts.map((count) => rows.slice(from, (from += count)));
  });
}

function rowsOf({ keys, values }: Table): Row[] {
  const toObject = toObjectOf(keys);
  const rows: Row[] = [];
  for (let from = 0; from < values.length; from += keys.length) rows.push(toObject(values, from));
  return rows;
}

/** Shapes are those of our own procedures, a few dozen; should anything else come, it does not pile up. */
const MAX_SHAPES = 1_000;
const toValuesOf = perShape(compileToValues);
const toObjectOf = perShape(compileToObject);

function perShape<F>(compile: (keys: readonly string[]) => F): (keys: readonly string[]) => F {
  const compiled = new Map<string, F>();
  return (keys) => {
    const shape = JSON.stringify(keys);
    let made = compiled.get(shape);
    if (made === undefined) {
      if (compiled.size >= MAX_SHAPES) compiled.clear();
      compiled.set(shape, (made = compile(keys)));
    }
    return made;
  };
}

function isRow(value: unknown): value is Row {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  for (const _ in value) return true;
  return false;
}

/** A list with at least one row, and rows of one shape only. */
function isRowList(value: unknown): value is Row[] {
  if (!Array.isArray(value) || !isRow(value[0])) return false;
  const keys = Object.keys(value[0]);
  return value.every((row: unknown) => isRow(row) && hasKeys(row, keys));
}

/** Same keys in the same order, as objects made by the same line of code have. */
function hasKeys(row: Row, keys: readonly string[]): boolean {
  let index = 0;
  for (const key in row) {
    if (key !== keys[index]) return false;
    index += 1;
  }
  return index === keys.length;
}

/** About how many bytes of a message a value takes. */
function sizeOf(value: unknown): number {
  if (typeof value === 'string') return VALUE_SIZE + value.length;
  if (typeof value !== 'object' || value === null) return VALUE_SIZE;
  let size = VALUE_SIZE;
  for (const part of Object.values(value)) size += VALUE_SIZE + sizeOf(part);
  return size;
}
