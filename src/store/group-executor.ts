/**
 * Runs one group of writes as one transaction, where the connection lives.
 *
 * In: the calls of many callers. Out: an outcome for each, only after the commit. Invariants: a refused item harms no
 * other; a defect or a broken constraint fails only the item that caused it (the group is rolled back and tried again
 * in halves until the bad one is alone); no call is answered as done that is not durable, and none is run twice into
 * the store: a commit whose answer was lost is settled by reading the group's mark back.
 */
import { crashPoint } from '../kernel/crash-point.js';
import { MillraceError, messageOf, type PlainError } from '../kernel/errors.js';
import { procedureNamed, type ItemResult, type Locks, type Tx } from './procedure.js';

export interface WriteCall {
  procedure: string;
  args: unknown;
}

export type WriteOutcome = { ok?: unknown } | { refused: PlainError } | { failed: string };

/** What the executor needs of a connection; SQLite's and MySQL's differ behind it. */
export interface GroupConnection {
  /**
   * Also after a transaction that was never ended, because the connection broke in it. `mark`: of this group, written in the
   * same transaction.
   */
  begin(now: number, mark: number): Promise<Tx>;
  commit(): Promise<void>;
  /** Ends what is left of the transaction, also after a commit that failed. */
  rollback(): Promise<void>;
  /** The last mark that reached the store, on a fresh connection if need be. */
  committedMark(): Promise<number>;
  /**
   * Whether the same group may simply be run again: a deadlock, a lock wait, a connection lost before the commit. `retry`: how
   * often it was run again already.
   */
  isTransient(error: unknown, retry: number): boolean | Promise<boolean>;
  /** What to tell all callers of a group when an error is nobody's fault and will not pass by itself; else null. */
  refusalOf(error: unknown): MillraceError | null;
}

const MAX_TRANSIENT_RETRIES = 10;

/** Running such a group again could store it twice, and reporting it as done could lose it. */
class UnknownOutcome extends MillraceError {
  constructor(cause: unknown) {
    const text =
      'The store fell silent while it committed, and nobody can tell whether this was stored. Look before you repeat it.';
    super('outcome_unknown', text, { cause });
  }
}

export class GroupExecutor {
  private mark: number | null = null;

  constructor(private readonly connection: GroupConnection) {}

  /** `onHeld`: told when the group holds its locks, where there are any; more than once if it has to begin again. */
  async execute(calls: readonly WriteCall[], now: number, onHeld = () => {}): Promise<WriteOutcome[]> {
    for (let retry = 0; ; retry += 1) {
      try {
        return await this.runTransaction(calls, now, onHeld);
      } catch (error) {
        if (error instanceof UnknownOutcome) return calls.map(() => failureOf(error));
        if (await this.connection.isTransient(error, retry)) {
          if (retry < MAX_TRANSIENT_RETRIES) continue;
          // No item's fault, so halving would only take longer to fail.
          return calls.map(() =>
            failureOf(new MillraceError('store_unavailable', 'The store is busy.', { cause: error })),
          );
        }
        const refusal = this.connection.refusalOf(error);
        if (refusal) return calls.map(() => failureOf(refusal));
        if (calls.length === 1) return [failureOf(error)];
        const middle = calls.length >> 1;
        const first = await this.execute(calls.slice(0, middle), now, onHeld);
        return [...first, ...(await this.execute(calls.slice(middle), now, onHeld))];
      }
    }
  }

  private async runTransaction(calls: readonly WriteCall[], now: number, onHeld: () => void): Promise<WriteOutcome[]> {
    this.mark ??= await this.connection.committedMark();
    const mark = this.mark + 1;
    const tx = await this.connection.begin(now, mark);
    let outcomes: WriteOutcome[];
    try {
      outcomes = await runProcedures(tx, calls, onHeld);
    } catch (error) {
      await this.connection.rollback();
      throw error;
    }
    for (const call of calls) crashPoint(`write:${call.procedure}:before`);
    try {
      await this.connection.commit();
    } catch (error) {
      if (!(await this.hasReached(mark))) throw error;
    }
    this.mark = mark;
    for (const call of calls) crashPoint(`write:${call.procedure}:after`);
    return outcomes;
  }

  /** Settles a commit whose answer was lost, and leaves the connection ready for the next group. */
  private async hasReached(mark: number): Promise<boolean> {
    try {
      const isStored = (await this.connection.committedMark()) === mark;
      await this.connection.rollback();
      return isStored;
    } catch (cause) {
      this.mark = null;
      throw new UnknownOutcome(cause);
    }
  }
}

/** Calls of one kind go to their procedure together; callers get their answers back in their own places. */
async function runProcedures(tx: Tx, calls: readonly WriteCall[], onHeld: () => void): Promise<WriteOutcome[]> {
  const placesByProcedure = new Map<string, number[]>();
  calls.forEach((call, place) => {
    const places = placesByProcedure.get(call.procedure);
    if (places) places.push(place);
    else placesByProcedure.set(call.procedure, [place]);
  });
  const outcomes = new Array<WriteOutcome>(calls.length);
  if (tx.locks) {
    await lockFirst(tx, tx.locks, calls, placesByProcedure);
    onHeld();
  }
  for (const [name, places] of placesByProcedure) {
    const items = argsOf(calls, places);
    const results: ItemResult<unknown>[] = await procedureNamed(name).run(tx, items);
    if (results.length !== places.length) {
      throw new Error(`procedure '${name}' answered ${results.length} of ${places.length} items`);
    }
    places.forEach((place, index) => (outcomes[place] = results[index]!));
  }
  return outcomes;
}

/** Locks what the whole group needs before its first procedure begins, in the order that all processes keep to. */
async function lockFirst(
  tx: Tx,
  locks: Locks,
  calls: readonly WriteCall[],
  placesByProcedure: ReadonlyMap<string, readonly number[]>,
): Promise<void> {
  if ([...placesByProcedure.keys()].some((name) => procedureNamed(name).locks.isRareAct)) locks.rareActs();
  const lanes: number[] = [];
  for (const [name, places] of placesByProcedure) {
    const { lanesOf } = procedureNamed(name).locks;
    if (!lanesOf) continue;
    const found = await lanesOf(tx, argsOf(calls, places));
    for (const seq of found) lanes.push(seq);
  }
  if (lanes.length > 0) locks.lanes(lanes);
  // Only for the first one, because it changes what the others read.
  const [[first, places]] = [...placesByProcedure] as [[string, number[]]];
  for (const read of procedureNamed(first).locks.readsFirst?.(argsOf(calls, places)) ?? []) locks.readAhead(read);
  await locks.held();
}

function argsOf(calls: readonly WriteCall[], places: readonly number[]): never[] {
  return places.map((place) => calls[place]!.args as never);
}

function failureOf(error: unknown): WriteOutcome {
  if (error instanceof MillraceError) return { refused: error.toPlain() };
  return { failed: error instanceof Error ? (error.stack ?? error.message) : messageOf(error) };
}
