import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { SingleTaskStore, StoredTask } from '../../store/single-task.store.js';
import type { LineBodies } from './line-bodies.js';
import type { Spill } from './spill.js';
import { TaskReader } from './task-reader.js';

/** The rows of tasks `task_1`, `task_2` and so on, as long as they are there. */
const STORED = [1, 2];

describe('tasks that are read by what is known of them', () => {
  const seqsOf = vi.fn(async (keys: readonly { id: string }[]) =>
    keys.map(({ id }) => Number(id.slice('task_'.length))).map((seq) => (STORED.includes(seq) ? seq : null)),
  );
  const bySeqs = vi.fn(async (seqs: readonly number[]) =>
    STORED.filter((seq) => seqs.includes(seq)).map((seq) => ({ seq }) as StoredTask),
  );
  const reader = new TaskReader(
    { seqsOf, bySeqs } as unknown as SingleTaskStore,
    {} as unknown as Spill,
    {} as unknown as LineBodies,
  );
  beforeEach(() => void vi.clearAllMocks());

  it('are not looked for where all rows are known, in the order that was asked for; those that are gone are null', async () => {
    const asked = [2, 3, 1].map((seq) => ({ id: `task_${seq}`, seq }));
    expect(await reader.storedOf(asked, true)).toEqual([{ seq: 2 }, null, { seq: 1 }]);
    expect(seqsOf).not.toHaveBeenCalled();
  });

  it('are looked for where one row is not known', async () => {
    const asked = [
      { id: 'task_2', seq: null },
      { id: 'task_9', seq: null },
      { id: 'task_1', seq: 1 },
    ];
    expect(await reader.storedOf(asked, true)).toEqual([{ seq: 2 }, null, { seq: 1 }]);
    expect(seqsOf).toHaveBeenCalledTimes(1);
  });
});
