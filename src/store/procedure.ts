/**
 * A write is a procedure: a named function that runs inside a transaction, where the connection lives (on SQLite in
 * the writer thread). It is given everything that arrived for it since the last commit, so hot procedures can work on
 * many items with one prepared statement.
 *
 * Arguments and results cross a thread, so they must be plain data: strings, numbers, booleans, null, and arrays
 * and objects of them. A field that may be missing is null, never undefined.
 */
import type { EntityManager } from 'typeorm';
import { MillraceError, type PlainError } from '../kernel/errors.js';
import type { SqlParams, Statement } from './statement.js';

/** What a procedure may touch: hot paths prepared SQL files, cold paths TypeORM's EntityManager; one transaction. */
export interface Tx {
  /** The store's time at the start of this transaction, epoch ms; not for `lanesOf`. */
  readonly now: number;
  readonly manager: EntityManager;
  /** Null where this process is the only one that writes: there a transaction has the store to itself. */
  readonly locks: Locks | null;
  all<P extends SqlParams, R>(statement: Statement<P, R>, params: P): Promise<R[]>;
  /** Rows changed. */
  run<P extends SqlParams>(statement: Statement<P>, params: P): Promise<number>;
  /** Runs the statement once per item; rows changed by each, in order. */
  each<P extends SqlParams>(statement: Statement<P>, items: readonly P[]): Promise<number[]>;
  /**
   * As `each`, where nobody asks how many rows changed: sent along with what comes next, at the latest before the commit. If it
   * fails, so does all that comes after it. On MySQL only for statements of one step.
   */
  later<P extends SqlParams>(statement: Statement<P>, items: readonly P[]): Promise<void>;
  /** Undoes what `work` did if it throws, and nothing else of this transaction. */
  savepoint<T>(work: () => Promise<T>): Promise<T>;
}

/**
 * Rows that a transaction keeps to itself until its end, where several processes write. What decides is read after its lock
 * was taken. The order is the same for all, so that they wait for each other and never in a circle: the acts that go one at
 * a time, lanes by their numbers, then single rows.
 */
export interface Locks {
  /** Whoever does something rare that looks before it acts, and could not undo what another did in between. */
  rareActs(): void;
  /** A lane stands for all its tasks; of a queue with a limit all lanes are locked, because they share it. */
  lanes(seqs: readonly number[]): void;
  /** Reads, once the locks are held, what `Tx.all` is going to be asked for; it gives the answer to the first who asks. */
  readAhead(read: Read): void;
  /** Resolves when all that was asked for is locked; before that the time of the transaction is not known. */
  held(): Promise<void>;
  row(table: 'tenant' | 'batch' | 'callback', seq: number): Promise<void>;
}

/** What became of one item of a procedure. */
export type ItemResult<R> = { ok: R } | { refused: PlainError };

export interface Procedure<A, R> {
  readonly name: string;
  readonly run: (tx: Tx, items: readonly A[]) => Promise<ItemResult<R>[]>;
  readonly locks: ProcedureLocks<A>;
}

/** Of `Tx.all`. */
export interface Read {
  statement: Statement<SqlParams, unknown>;
  params: SqlParams;
}

/** What must be locked before a procedure begins; asked for only where several processes write. */
export interface ProcedureLocks<A> {
  /** Lanes whose tasks it looks at or changes. */
  readonly lanesOf?: (tx: Tx, items: readonly A[]) => readonly number[] | Promise<readonly number[]>;
  /** Whether only one process at a time may do such a thing; see `Locks.rareActs`. */
  readonly isRareAct?: boolean;
  /**
   * Reads that it begins with when its locks are held, and that nothing changes which it does before; they go along with the
   * locks. See `Locks.readAhead`.
   */
  readonly readsFirst?: (items: readonly A[]) => readonly Read[];
}

/** How many items of the 500 that a group may hold one call of a procedure counts for. */
export interface WriteWeight {
  rows: number;
  bytes: number;
}

const procedures = new Map<string, Procedure<never, unknown>>();

function register<A, R>(procedure: Procedure<A, R>): Procedure<A, R> {
  if (procedures.has(procedure.name)) throw new Error(`procedure '${procedure.name}' is declared twice`);
  procedures.set(procedure.name, procedure);
  return procedure;
}

/**
 * A hot procedure: sees all its items at once and answers for each. It decides expected conflicts per item and never
 * throws for them; what it throws fails the group, which is then tried again in halves until the bad item is alone.
 */
export function procedureOfMany<A, R>(
  name: string,
  run: (tx: Tx, items: readonly A[]) => Promise<R[]>,
  locks: ProcedureLocks<A> = {},
): Procedure<A, R> {
  return register({
    name,
    locks,
    run: async (tx, items) => (await run(tx, items)).map((ok) => ({ ok })),
  });
}

/**
 * A cold procedure: one item at a time, each under a savepoint, so that it may simply throw a MillraceError. It is a rare act,
 * of which there is only one at a time in all processes, unless `locks` says otherwise.
 */
export function procedureOfOne<A, R>(
  name: string,
  run: (tx: Tx, item: A) => Promise<R>,
  locks: ProcedureLocks<A> = {},
): Procedure<A, R> {
  return register({
    name,
    locks: { isRareAct: true, ...locks },
    run: async (tx, items) => {
      const results: ItemResult<R>[] = [];
      for (const item of items) results.push(await runOne(tx, item, run));
      return results;
    },
  });
}

async function runOne<A, R>(tx: Tx, item: A, run: (tx: Tx, item: A) => Promise<R>): Promise<ItemResult<R>> {
  try {
    return { ok: await tx.savepoint(() => run(tx, item)) };
  } catch (error) {
    if (error instanceof MillraceError) return { refused: error.toPlain() };
    throw error;
  }
}

export function procedureNamed(name: string): Procedure<never, unknown> {
  const procedure = procedures.get(name);
  if (!procedure) throw new Error(`no procedure is named '${name}'`);
  return procedure;
}

export function declaredProcedures(): readonly string[] {
  return [...procedures.keys()];
}
