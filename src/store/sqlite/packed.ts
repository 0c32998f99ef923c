/**
 * How writes and what came of them cross the thread. Hundreds of objects of one shape are cheap to copy once their keys are
 * said once and their values stand in one flat array; as objects of their own they cost the main thread more than anything
 * else it does for a write, and as JSON every answer of a model would be escaped and unescaped on its way to the disk.
 */
import type { WriteCall, WriteOutcome } from '../group-executor.js';

/** Objects of one shape: row after row, each in the order of the keys. */
interface Table {
  keys: string[];
  values: unknown[];
}

/** Calls of one procedure. */
type PackedCalls = { procedure: string } & (Table | { args: unknown[] });

/** `table`: an outcome a row; `rows`: one outcome, which is the list of the rows; `plain`: outcomes as they are. */
type PackedOutcomes = { kind: 'table' | 'rows'; table: Table } | { kind: 'plain'; outcomes: WriteOutcome[] };

/** One message carries at most about this much: V8 puts what it takes out of a larger one (100 KB) into the old generation. */
const PART_SIZE = 64 * 1024;
const VALUE_SIZE = 8;

/** Packs calls, which must be sorted by procedure, into parts that are each small enough for a message. */
export function packCalls(calls: readonly WriteCall[]): PackedCalls[][] {
  const parts: PackedCalls[][] = [];
  let part: PackedCalls[] = [];
  let size = 0;
  for (const call of calls) {
    if (size >= PART_SIZE) {
      parts.push(part);
      part = [];
      size = 0;
    }
    size += add(part, call);
  }
  parts.push(part);
  return parts;
}

/** Adds a call to a part and returns about how large it is. */
function add(part: PackedCalls[], { procedure, args }: WriteCall): number {
  const last = part.at(-1);
  if (!isRow(args)) {
    if (last?.procedure === procedure && 'args' in last) last.args.push(args);
    else part.push({ procedure, args: [args] });
    return JSON.stringify(args).length;
  }
  if (last?.procedure === procedure && 'keys' in last && hasKeys(args, last.keys)) {
    return append(last.values, args, last.keys);
  }
  const keys = Object.keys(args);
  const values: unknown[] = [];
  part.push({ procedure, keys, values });
  return append(values, args, keys);
}

export function unpackCalls(part: readonly PackedCalls[]): WriteCall[] {
  return part.flatMap((packed) => {
    const args = 'keys' in packed ? rowsOf(packed) : packed.args;
    return args.map((item) => ({ procedure: packed.procedure, args: item }));
  });
}

export function packOutcomes(outcomes: readonly WriteOutcome[]): PackedOutcomes[] {
  const packed: PackedOutcomes[] = [];
  for (const outcome of outcomes) {
    const ok = 'ok' in outcome ? outcome.ok : undefined;
    const last = packed.at(-1);
    if (isRow(ok)) {
      if (last?.kind === 'table' && hasKeys(ok, last.table.keys)) append(last.table.values, ok, last.table.keys);
      else packed.push({ kind: 'table', table: tableOf([ok]) });
    } else if (isList(ok)) packed.push({ kind: 'rows', table: tableOf(ok) });
    else if (last?.kind === 'plain') last.outcomes.push(outcome);
    else packed.push({ kind: 'plain', outcomes: [outcome] });
  }
  return packed;
}

export function unpackOutcomes(packed: readonly PackedOutcomes[]): WriteOutcome[] {
  return packed.flatMap((part): WriteOutcome[] => {
    if (part.kind === 'plain') return part.outcomes;
    const rows = rowsOf(part.table);
    return part.kind === 'rows' ? [{ ok: rows }] : rows.map((ok) => ({ ok }));
  });
}

type Row = Record<string, unknown>;

function isRow(value: unknown): value is Row {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length > 0;
}

/** A list with at least one row, and rows of one shape only. */
function isList(value: unknown): value is Row[] {
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

function tableOf(rows: readonly Row[]): Table {
  const keys = Object.keys(rows[0]!);
  const values: unknown[] = [];
  for (const row of rows) append(values, row, keys);
  return { keys, values };
}

function append(values: unknown[], row: Row, keys: readonly string[]): number {
  let size = 0;
  for (const key of keys) {
    const value = row[key];
    values.push(value);
    size += VALUE_SIZE;
    if (typeof value === 'string') size += value.length;
    else if (typeof value === 'object' && value !== null) size += JSON.stringify(value).length;
  }
  return size;
}

function rowsOf({ keys, values }: Table): Row[] {
  const rows: Row[] = [];
  for (let from = 0; from < values.length; from += keys.length) {
    const row: Row = {};
    for (let index = 0; index < keys.length; index += 1) row[keys[index]!] = values[from + index];
    rows.push(row);
  }
  return rows;
}

export type { PackedCalls, PackedOutcomes };
