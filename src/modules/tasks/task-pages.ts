/**
 * Pages of a list of tasks through a filter. No index fits every filter, so tasks are looked at in the order of the list and
 * those that fit are picked out; a page ends after so many looks, however few it has by then.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { ListedTask } from '../../store/single-task.store.js';

/** What is null does not matter. */
export interface TaskFilter {
  queueSeqs: ReadonlySet<number> | null;
  /** See TASK_STATE_CODE. */
  state: number | null;
  /** Instants of coming in, epoch ms: the first inclusive, the second not. */
  since: number | null;
  before: number | null;
}

export interface FilteredPage {
  seqs: number[];
  /** The last task that was looked at, where there may be more behind it; null where the page is full, or the list at its end. */
  stoppedAt: ListedTask | null;
}

/** A read of so many rows holds nobody up; others have their turn after each. */
const STEP = 500;
/** A page looks at no more than about this many tasks. */
export const MAX_LOOKS = 10_000;

/** `read`: the tasks of the list after the one with this `seq`, or its first ones. */
export async function pageThrough(
  filter: TaskFilter,
  limit: number,
  afterSeq: number | null,
  read: (afterSeq: number | null, limit: number) => Promise<ListedTask[]>,
): Promise<FilteredPage> {
  const seqs: number[] = [];
  let last: ListedTask | null = null;
  // Without a filter, and with one that fits most, the first read is enough.
  for (let looks = 0, want = limit; looks < MAX_LOOKS; want = STEP) {
    const tasks: ListedTask[] = await read(last?.seq ?? afterSeq, want);
    for (const task of tasks) {
      if (!fits(task, filter)) continue;
      seqs.push(task.seq);
      if (seqs.length === limit) return { seqs, stoppedAt: null };
    }
    if (tasks.length < want) return { seqs, stoppedAt: null };
    last = tasks.at(-1)!;
    looks += tasks.length;
    await nextTurn();
  }
  return { seqs, stoppedAt: last };
}

function fits(task: ListedTask, { queueSeqs, state, since, before }: TaskFilter): boolean {
  return (
    (queueSeqs === null || queueSeqs.has(task.queueSeq)) &&
    (state === null || task.state === state) &&
    (since === null || task.enqueuedAt >= since) &&
    (before === null || task.enqueuedAt < before)
  );
}
