import { describe, expect, it } from 'vitest';
import type { ListedTask } from '../../store/single-task.store.js';
import { MAX_LOOKS, pageThrough, type TaskFilter } from './task-pages.js';

const ANY: TaskFilter = { queueSeqs: null, state: null, since: null, before: null };

/** A list of so many tasks, newest first: every second is of queue 2, the last one has failed. */
class List {
  readonly reads: number[] = [];

  constructor(readonly length: number) {}

  readonly read = (afterSeq: number | null, limit: number): Promise<ListedTask[]> => {
    this.reads.push(limit);
    const from = (afterSeq ?? this.length + 1) - 1;
    const count = Math.max(0, Math.min(limit, from));
    return Promise.resolve(Array.from({ length: count }, (_, n) => this.task(from - n)));
  };

  private task(seq: number): ListedTask {
    return { seq, id: `task_${seq}`, line: null, queueSeq: 1 + (seq % 2), state: seq === 1 ? 4 : 3, enqueuedAt: seq };
  }
}

describe('a page of tasks', () => {
  it('is one read where all fit', async () => {
    const list = new List(1_000_000);
    expect(await pageThrough(ANY, 3, null, list.read)).toEqual({
      seqs: [1_000_000, 999_999, 999_998],
      stoppedAt: null,
    });
    expect(list.reads).toEqual([3]);
  });

  it.each([
    [{ queueSeqs: new Set([2]) }, [19, 17]],
    [{ state: 4 }, [1]],
    [{ since: 19, before: 20 }, [19]],
    [{ queueSeqs: new Set([9]) }, []],
  ])('has those that fit %j', async (filter, seqs) => {
    expect(await pageThrough({ ...ANY, ...filter }, 2, null, new List(20).read)).toEqual({ seqs, stoppedAt: null });
  });

  it('begins after the one it is told', async () => {
    expect(await pageThrough({ ...ANY, queueSeqs: new Set([2]) }, 2, 17, new List(20).read)).toEqual({
      seqs: [15, 13],
      stoppedAt: null,
    });
  });

  it('looks at a number of tasks that does not grow with the list, in reads of 500 at most', async () => {
    const looks = async (length: number) => {
      const list = new List(length);
      const { seqs, stoppedAt } = await pageThrough({ ...ANY, state: 4 }, 21, null, list.read);
      expect(seqs).toEqual([]);
      expect(Math.max(...list.reads)).toBe(500);
      const looked = list.reads.reduce((sum, limit) => sum + limit, 0);
      expect(stoppedAt?.seq).toBe(length - looked + 1);
      return looked;
    };
    expect(await looks(50_000)).toBe(await looks(1_000_000));
    expect(await looks(1_000_000)).toBeLessThan(MAX_LOOKS + 500);
  });

  it('goes on from where it stopped until all that fit were seen, each once', async () => {
    const list = new List(3 * MAX_LOOKS);
    const seen: number[] = [];
    let pages = 0;
    for (let after: number | null = null; ; pages += 1) {
      const { seqs, stoppedAt }: Awaited<ReturnType<typeof pageThrough>> = await pageThrough(
        { ...ANY, state: 4 },
        10,
        after,
        list.read,
      );
      seen.push(...seqs);
      if (stoppedAt === null) break;
      after = stoppedAt.seq;
    }
    expect([seen, pages]).toEqual([[1], 2]);
  });
});
