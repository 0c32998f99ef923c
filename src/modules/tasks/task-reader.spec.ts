import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { SingleTaskStore, StoredTask } from '../../store/single-task.store.js';
import type { LineBodies } from './line-bodies.js';
import type { Spill } from './spill.js';
import { ANSWER_BYTES, TaskReader } from './task-reader.js';

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

describe('tasks that are large', () => {
  const HASH = 'a'.repeat(32);
  const keyOf = (bytes: number) => `spill_blob_1_${bytes}_${HASH}`;
  /** Their bodies and results in blobs of these sizes. */
  const tasks = (...sizes: [body: number, result: number][]) =>
    sizes.map(([body, result], index) => ({
      seq: index + 1,
      id: `task_${index + 1}`,
      batchSeq: null,
      bodyLength: null,
      body: null,
      bodyBlobKey: keyOf(body),
      resultSeq: index,
      resultBody: null,
      resultBlobKey: keyOf(result),
    })) as unknown as StoredTask[];

  function readerOf(stored: readonly StoredTask[]) {
    const read = vi.fn(async ({ blobKey }: { blobKey: string | null }) => blobKey);
    const bySeqs = async (seqs: readonly number[]) => stored.filter(({ seq }) => seqs.includes(seq));
    const reader = new TaskReader(
      { bySeqs } as unknown as SingleTaskStore,
      { read } as unknown as Spill,
      { read: async () => new Map() } as unknown as LineBodies,
    );
    const seqs = stored.map(({ seq }) => seq);
    const detailsOf = async () => {
      const { details, isCut } = await reader.detailsOf(seqs, null);
      return [details.length, isCut];
    };
    return { reader, read, detailsOf };
  }

  it('are read as far as one answer holds them, with what is known of their sizes before', async () => {
    const half = ANSWER_BYTES / 2;
    const { detailsOf, read } = readerOf(tasks([half, 0], [1, half - 1], [1, 0], [1, 0]));
    expect(await detailsOf()).toEqual([2, true]);
    expect(read).toHaveBeenCalledTimes(4);
    expect(await readerOf(tasks([half, 0], [1, half - 1])).detailsOf()).toEqual([2, false]);
  });

  it('are read alone when one is more than that', async () => {
    const { detailsOf, reader } = readerOf(tasks([ANSWER_BYTES, 1], [1, 1]));
    expect(await detailsOf()).toEqual([1, true]);
    expect(reader.countThatFits(tasks([ANSWER_BYTES + 1, 0], [1, 0]))).toBe(1);
    expect(reader.countThatFits(tasks([1, 0], [ANSWER_BYTES, 0]))).toBe(1);
    expect(reader.countThatFits(tasks([1, ANSWER_BYTES], [ANSWER_BYTES - 1, 0]))).toBe(2);
  });

  it('are counted over all pages that they are read in', async () => {
    const many = Array.from({ length: 300 }, (): [number, number] => [ANSWER_BYTES / 256, 0]);
    expect(await readerOf(tasks(...many)).detailsOf()).toEqual([256, true]);
  });

  it('are taken to be large where their blobs do not tell', () => {
    const unknown = { seq: 1, batchSeq: null, bodyOffset: null, bodyLength: null, body: null, bodyBlobKey: 'spill_1' };
    const { reader } = readerOf([]);
    expect(reader.countThatFits(Array.from({ length: 9 }, () => unknown as unknown as StoredTask))).toBe(4);
  });
});
