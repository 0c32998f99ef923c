import { beforeEach, describe, expect, it } from 'vitest';
import { MillraceError } from '../kernel/errors.js';
import { GroupExecutor, type GroupConnection, type WriteCall } from './group-executor.js';
import { procedureOfMany, procedureOfOne, type Tx } from './procedure.js';

const NOW = 1_800_000_000_000;
/** Where the executor gives up on trouble that should have passed. */
const TRANSIENT_TRIES = 11;

/** A store of one list. It loses its answers, deadlocks and refuses rows as a test tells it. */
class FakeStore implements GroupConnection {
  rows: unknown[] = [];
  begun = 0;
  rolledBack = 0;
  marks: number[] = [];
  /** Errors for the next commits, in order. `isStored`: the commit reached the store, only its answer was lost. */
  commitErrors: { error: Error; isStored: boolean }[] = [];
  /** Errors for the next times the mark is asked for. */
  markErrors: Error[] = [];
  isDeadlocked: (pending: readonly unknown[]) => boolean = () => false;
  private pending: FakeTx | null = null;
  private isInDoubt = false;
  private mark = 0;

  begin(now: number, mark: number): Promise<Tx> {
    if (this.pending) throw new Error('the last transaction was not ended');
    this.begun += 1;
    this.mark = mark;
    this.isInDoubt = false;
    this.pending = new FakeTx(now);
    return Promise.resolve(this.pending as unknown as Tx);
  }

  commit(): Promise<void> {
    const { added } = this.pending!;
    const failure = this.isDeadlocked(added) ? { error: new Deadlock(), isStored: false } : this.commitErrors.shift();
    if (!failure || failure.isStored) {
      this.rows.push(...added);
      this.marks.push(this.mark);
      this.pending = null;
    }
    this.isInDoubt = failure !== undefined;
    return failure ? Promise.reject(failure.error) : Promise.resolve();
  }

  rollback(): Promise<void> {
    this.rolledBack += 1;
    this.pending = null;
    this.isInDoubt = false;
    return Promise.resolve();
  }

  committedMark(): Promise<number> {
    if (this.pending && !this.isInDoubt) throw new Error('a transaction sees marks that are not stored');
    const error = this.markErrors.shift();
    return error ? Promise.reject(error) : Promise.resolve(this.marks.at(-1) ?? 0);
  }

  refusalOf(error: unknown): MillraceError | null {
    return error instanceof Error && error.message === 'no room'
      ? new MillraceError('insufficient_storage', 'The disk is full.')
      : null;
  }

  isTransient(error: unknown): boolean {
    return error instanceof Deadlock;
  }
}

class FakeTx {
  added: unknown[] = [];

  constructor(readonly now: number) {}

  async savepoint<T>(work: () => Promise<T>): Promise<T> {
    const before = this.added.length;
    try {
      return await work();
    } catch (error) {
      this.added.length = before;
      throw error;
    }
  }
}

class Deadlock extends Error {}

function add(tx: Tx, row: unknown): void {
  (tx as unknown as FakeTx).added.push(row);
}

/** Adds its items, all at once. A negative one breaks it. */
procedureOfMany('executor-add', async (tx, items: readonly number[]) => {
  for (const item of items) {
    if (item < 0) throw new Error(`row ${item} broke a constraint`);
    add(tx, item);
  }
  return items.map((item) => item * 10);
});
/** Adds an item and then refuses it when it is odd, breaks when it is negative. */
procedureOfOne('executor-add-even', async (tx, item: number) => {
  add(tx, item);
  if (item < 0) throw new Error(`row ${item} broke a constraint`);
  if (item % 2 === 1) throw new MillraceError('invalid_value', `${item} is odd.`, { param: 'item' });
  return item * 10;
});
procedureOfMany('executor-short', async (tx, items: readonly number[]) => {
  add(tx, 'short');
  return items.slice(1);
});
procedureOfMany('executor-refuse', (): Promise<number[]> => {
  throw new MillraceError('conflict', 'Not now.');
});
procedureOfMany('executor-now', async (tx, items: readonly null[]) => items.map(() => tx.now));

function calls(procedure: string, args: readonly unknown[]): WriteCall[] {
  return args.map((arg) => ({ procedure, args: arg }));
}

function range(from: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => from + index);
}

const tenTimes = (args: readonly number[]) => args.map((arg) => ({ ok: arg * 10 }));

describe('GroupExecutor', () => {
  let store: FakeStore;
  let executor: GroupExecutor;

  beforeEach(() => {
    store = new FakeStore();
    executor = new GroupExecutor(store);
  });

  const run = (group: WriteCall[]) => executor.execute(group, NOW);

  describe('a group', () => {
    it('is one transaction, and its answers are in the order of its calls', async () => {
      expect(await run(calls('executor-add', range(0, 500)))).toEqual(tenTimes(range(0, 500)));
      expect(store.rows).toEqual(range(0, 500));
      expect(store.begun).toBe(1);
    });

    it('of several procedures gives each all its items at once, and each caller its own answer', async () => {
      const group = [
        ...calls('executor-add', [1]),
        ...calls('executor-now', [null]),
        ...calls('executor-add-even', [2]),
        ...calls('executor-add', [3]),
      ];
      expect(await run(group)).toEqual([{ ok: 10 }, { ok: NOW }, { ok: 20 }, { ok: 30 }]);
      expect(store.rows).toEqual([1, 3, 2]);
      expect(store.begun).toBe(1);
    });

    it('bears the next mark', async () => {
      store.marks = [41];
      await run(calls('executor-add', [1]));
      await run(calls('executor-add', [2]));
      expect(store.marks).toEqual([41, 42, 43]);
    });
  });

  describe('a refused item', () => {
    it('leaves nothing behind and disturbs no other', async () => {
      const outcomes = await run(calls('executor-add-even', range(0, 500)));
      expect(outcomes.filter((_, item) => item % 2 === 0)).toEqual(
        tenTimes(range(0, 500).filter((item) => item % 2 === 0)),
      );
      expect(outcomes[7]).toEqual({
        refused: { code: 'invalid_value', message: '7 is odd.', param: 'item', retryAfterMs: null },
      });
      expect(store.rows).toEqual(range(0, 500).filter((item) => item % 2 === 0));
      expect(store.begun).toBe(1);
    });

    it('may also be refused by a procedure of many', async () => {
      const outcomes = await run([...calls('executor-refuse', [1]), ...calls('executor-add', [2])]);
      expect(outcomes).toMatchObject([{ refused: { code: 'conflict' } }, { ok: 20 }]);
      expect(store.rows).toEqual([2]);
    });
  });

  describe('a broken item', () => {
    it.each([0, 1, 249, 250, 498, 499])(
      'at place %i of 500 fails alone; the others are stored, once each',
      async (bad) => {
        const args = range(1, 500);
        args[bad] = -1;
        const outcomes = await run(calls('executor-add', args));
        expect(outcomes[bad]).toMatchObject({ failed: expect.stringContaining('row -1 broke a constraint') });
        const others = args.filter((arg) => arg > 0);
        expect(outcomes.filter((_, place) => place !== bad)).toEqual(tenTimes(others));
        expect(store.rows).toEqual(others);
      },
    );

    it('is found in few transactions', async () => {
      await run(calls('executor-add', [-1, ...range(1, 499)]));
      // Two for each time the group is halved.
      expect(store.begun).toBeLessThanOrEqual(1 + 2 * Math.ceil(Math.log2(500)));
    });

    it('under a savepoint fails alone too, also beside refused ones', async () => {
      const outcomes = await run(calls('executor-add-even', [2, 3, -1, 4]));
      expect(outcomes).toMatchObject([
        { ok: 20 },
        { refused: { code: 'invalid_value' } },
        { failed: expect.stringContaining('broke a constraint') },
        { ok: 40 },
      ]);
      expect(store.rows).toEqual([2, 4]);
    });

    it('does not fail those of another procedure', async () => {
      const outcomes = await run([...calls('executor-add', [1, -1]), ...calls('executor-add-even', [2])]);
      expect(outcomes).toMatchObject([{ ok: 10 }, { failed: expect.any(String) }, { ok: 20 }]);
      expect(new Set(store.rows)).toEqual(new Set([1, 2]));
      expect(store.rows).toHaveLength(2);
    });

    it('may be every one', async () => {
      const outcomes = await run(calls('executor-add', [-1, -2, -3]));
      expect(outcomes.every((outcome) => 'failed' in outcome)).toBe(true);
      expect(store.rows).toEqual([]);
      expect(await run(calls('executor-add', [1]))).toEqual([{ ok: 10 }]);
    });
  });

  describe('a procedure', () => {
    it('that answers the wrong number of items fails them, and stores nothing of theirs', async () => {
      const outcomes = await run([...calls('executor-short', [1, 2]), ...calls('executor-add', [3])]);
      const failed = { failed: expect.stringContaining("procedure 'executor-short' answered 0 of 1 items") };
      expect(outcomes).toMatchObject([failed, failed, { ok: 30 }]);
      expect(store.rows).toEqual([3]);
    });

    it('that nobody declared fails its items alone', async () => {
      const outcomes = await run([...calls('executor-unknown', [1]), ...calls('executor-add', [2])]);
      expect(outcomes).toMatchObject([
        { failed: expect.stringContaining("no procedure is named 'executor-unknown'") },
        { ok: 20 },
      ]);
    });
  });

  describe('trouble that passes', () => {
    it('is tried again with the whole group', async () => {
      let deadlocks = 3;
      store.isDeadlocked = () => deadlocks-- > 0;
      expect(await run(calls('executor-add', [1, 2, 3]))).toEqual(tenTimes([1, 2, 3]));
      expect(store.begun).toBe(4);
      expect(store.rows).toEqual([1, 2, 3]);
    });

    it('is given up when it does not pass, and the next group starts afresh', async () => {
      store.isDeadlocked = (pending) => pending.includes(1);
      expect(await run(calls('executor-add', [1]))).toMatchObject([{ refused: { code: 'store_unavailable' } }]);
      expect(store.begun).toBe(TRANSIENT_TRIES);
      expect(store.rolledBack).toBe(TRANSIENT_TRIES);
      expect(await run(calls('executor-add', [2]))).toEqual([{ ok: 20 }]);
    });

    it('is no fault of an item: the group is not taken apart for it', async () => {
      store.isDeadlocked = () => true;
      const outcomes = await run(calls('executor-add', range(0, 500)));
      expect(outcomes).toHaveLength(500);
      expect(outcomes.every((outcome) => 'refused' in outcome)).toBe(true);
      expect(store.begun).toBe(TRANSIENT_TRIES);
      expect(store.rows).toEqual([]);
    });
  });

  describe('trouble that is nobody’s fault and stays', () => {
    it('is told to all callers at once, and nothing is tried in halves', async () => {
      store.commitErrors = [{ error: new Error('no room'), isStored: false }];
      const refused = { refused: { code: 'insufficient_storage' } };
      expect(await run(calls('executor-add', [1, 2, 3, 4]))).toMatchObject([refused, refused, refused, refused]);
      expect(store.begun).toBe(1);
      expect(await run(calls('executor-add', [5]))).toEqual(tenTimes([5]));
      expect(store.rows).toEqual([5]);
    });
  });

  describe('a commit whose answer was lost', () => {
    it('is done when its mark is in the store; nothing runs twice', async () => {
      store.commitErrors = [{ error: new Error('connection reset'), isStored: true }];
      expect(await run(calls('executor-add', [1, 2]))).toEqual(tenTimes([1, 2]));
      expect(store.rows).toEqual([1, 2]);
      expect(store.begun).toBe(1);
      expect(await run(calls('executor-add', [3]))).toEqual([{ ok: 30 }]);
      expect(store.rows).toEqual([1, 2, 3]);
      expect(store.marks).toEqual([1, 2]);
    });

    it.each([
      ['passes', new Deadlock('lock wait timeout')],
      ['does not', new Error('disk full')],
    ])('is rolled back and run again when its mark is not; the trouble %s', async (_kind, error) => {
      store.commitErrors = [{ error, isStored: false }];
      expect(await run(calls('executor-add', [1, 2]))).toEqual(tenTimes([1, 2]));
      expect(store.rows).toEqual([1, 2]);
      expect(store.rolledBack).toBe(1);
    });

    it('is not run again while nobody can tell: its callers hear that it is unknown', async () => {
      await run(calls('executor-add', [0]));
      store.commitErrors = [{ error: new Deadlock('connection reset'), isStored: true }];
      store.markErrors = [new Deadlock('connection refused')];
      const unknown = { refused: { code: 'outcome_unknown', message: expect.stringContaining('nobody can tell') } };
      expect(await run(calls('executor-add', [1, 2]))).toMatchObject([unknown, unknown]);
      expect(store.rows).toEqual([0, 1, 2]);
    });

    it('that stays unknown harms no later group: marks go on from what the store says', async () => {
      store.marks = [7];
      await run(calls('executor-add', [1]));
      store.commitErrors = [{ error: new Error('connection reset'), isStored: true }];
      store.markErrors = [new Error('connection refused')];
      await run(calls('executor-add', [2]));
      expect(await run(calls('executor-add', [3, 4]))).toEqual(tenTimes([3, 4]));
      expect(store.rows).toEqual([1, 2, 3, 4]);
      expect(store.marks).toEqual([7, 8, 9, 10]);
    });

    it('in one half of a group leaves the answers of the other half as they are', async () => {
      await run(calls('executor-now', [null]));
      store.commitErrors = [{ error: new Error('connection reset'), isStored: true }];
      store.markErrors = [new Error('connection refused')];
      // -1 breaks the group before any commit; then its halves commit one by one.
      expect(await run(calls('executor-add', [1, 2, -1, 3]))).toMatchObject([
        { refused: { code: 'outcome_unknown' } },
        { refused: { code: 'outcome_unknown' } },
        { failed: expect.stringContaining('broke a constraint') },
        { ok: 30 },
      ]);
      expect(store.rows).toEqual([1, 2, 3]);
    });
  });
});
