import { describe, expect, it } from 'vitest';
import { TaskResultRow } from '../../src/store/entities/task-result.entity.js';
import type { FinishedTask, LeasedTask, Usage } from '../../src/store/procedures/task-shapes.js';
import type { TestStore } from '../support/store-factory.js';
import {
  answerTo,
  insertLines,
  laneRow,
  lease,
  range,
  returnOf,
  seedBatch,
  seedLane,
  taskRow,
  WINDOW_MS,
  type SeededLane,
} from '../support/store-seeds.js';

const RECORDED = { isRecorded: true, isBatchDone: false };
const REFUSED = { isRecorded: false, isBatchDone: false };
const USAGE: Usage = { inputTokens: 10, cachedTokens: 4, outputTokens: 3, reasoningTokens: 2, totalTokens: 13 };
const NO_USAGE = { inputTokens: 0, cachedTokens: 0, outputTokens: 0, reasoningTokens: 0, totalTokens: 0 };

/** How a task ends with an answer, or for want of one. */
export function exerciseStoreFinishes(store: TestStore): void {
  describe('an end', () => exerciseEnds(store));
  describe('an end that comes too late', () => exerciseLateEnds(store));
  describe('the content of an answer', () => exerciseContents(store));
  describe('the progress of a batch', () => exerciseProgress(store));
  describe('the end of a batch', () => exerciseLastLines(store));
}

/** A leased line of a batch of two, so that its end is not the batch's. */
async function leaseOne(store: TestStore): Promise<{ lane: SeededLane; task: LeasedTask }> {
  const lane = await seedLane(store);
  await seedBatch(store, lane, 2);
  const [task] = await lease(store, lane, 1);
  return { lane, task: task! };
}

function resultOf(store: TestStore, { seq }: { seq: number }): Promise<TaskResultRow | null> {
  return store.reader.findOneBy(TaskResultRow, { taskSeq: seq });
}

async function progressOf(store: TestStore, batchSeq: number) {
  const { completed, failed, state, outcome, finalizingAt } = await store.batches.bySeq(batchSeq);
  return { completed, failed, state, outcome, finalizingAt };
}

function exerciseEnds(store: TestStore): void {
  it('is recorded with the answer', async () => {
    const { lane, task } = await leaseOne(store);
    store.clock.advance(700);
    expect(await store.tasks.finish(answerTo(task, lane, { requestId: 'req_1', body: '{"ok":1}' }))).toEqual(RECORDED);
    expect(await taskRow(store, task)).toMatchObject({
      state: 3,
      statusCode: 200,
      tries: 1,
      endedAt: store.clock.now(),
      epoch: task.epoch,
    });
    expect(await resultOf(store, task)).toEqual({
      taskSeq: task.seq,
      statusCode: 200,
      requestId: 'req_1',
      body: '{"ok":1}',
      blobKey: null,
      errorCode: null,
      errorMessage: null,
    });
  });

  it('without an answer is recorded with its reason', async () => {
    const { lane, task } = await leaseOne(store);
    const none = { statusCode: null, requestId: null, body: null };
    const why = { errorCode: 'upstream_unreachable', errorMessage: 'Nobody answered five times.' };
    expect(await store.tasks.finish(answerTo(task, lane, { state: 'failed', ...none, ...why }))).toEqual(RECORDED);
    expect(await taskRow(store, task)).toMatchObject({ state: 4, statusCode: null, tries: 1 });
    expect(await resultOf(store, task)).toMatchObject({ ...none, ...why });
  });

  it('that was no try is not counted as one', async () => {
    const { lane, task } = await leaseOne(store);
    await store.tasks.finish(answerTo(task, lane, { isTry: false }));
    expect(await taskRow(store, task)).toMatchObject({ state: 3, tries: 0 });
  });

  it('counts in its lane', async () => {
    const lane = await seedLane(store);
    await seedBatch(store, lane, 5);
    const tasks = await lease(store, lane, 5);
    const states: FinishedTask['state'][] = ['completed', 'failed', 'completed', 'completed', 'failed'];
    await Promise.all(tasks.map((task, index) => store.tasks.finish(answerTo(task, lane, { state: states[index]! }))));
    expect(await laneRow(store, lane)).toMatchObject({ takenCount: 5, completedCount: 3, failedCount: 2 });
  });

  it('of a task that is no line of a batch touches none', async () => {
    const { lane, task } = await leaseOne(store);
    const { batchSeq } = task;
    expect(await store.tasks.finish(answerTo({ ...task, batchSeq: null }, lane))).toEqual(RECORDED);
    expect(await progressOf(store, batchSeq!)).toMatchObject({ completed: 0, failed: 0 });
  });

  it('is recorded for each of a thousand at once', async () => {
    const lane = await seedLane(store);
    const batch = await seedBatch(store, lane, 1_001);
    const tasks = await lease(store, lane, 1_000);
    const results = await Promise.all(tasks.map((task) => store.tasks.finish(answerTo(task, lane))));
    expect(results).toEqual(tasks.map(() => RECORDED));
    expect(await progressOf(store, batch.seq)).toMatchObject({ completed: 1_000, failed: 0, state: 'in_progress' });
    expect(await store.reader.countBy(TaskResultRow, {})).toBe(1_000);
  });
}

function exerciseLateEnds(store: TestStore): void {
  /** Expects a refusal that leaves everything as it is. */
  async function expectRefused(late: FinishedTask, lane: SeededLane, batchSeq: number): Promise<void> {
    const look = async () => ({
      task: await store.reader.query<unknown[]>('SELECT * FROM task ORDER BY seq'),
      result: await resultOf(store, late),
      batch: await store.batches.bySeq(batchSeq),
      lane: await laneRow(store, lane),
    });
    const before = await look();
    store.clock.advance(1_000);
    expect(await store.tasks.finish(late)).toEqual(REFUSED);
    expect(await look()).toEqual(before);
  }

  it('with the epoch of an earlier lease changes nothing', async () => {
    const { lane, task: first } = await leaseOne(store);
    await store.tasks.giveBack(returnOf(first, lane));
    const [second] = await lease(store, lane, 1);
    expect(second!.seq).toBe(first.seq);
    await expectRefused(answerTo(first, lane, { body: 'late', usage: USAGE }), lane, first.batchSeq!);
    expect(await store.tasks.finish(answerTo(second!, lane))).toEqual(RECORDED);
  });

  it('with an epoch that was never given changes nothing', async () => {
    const { lane, task } = await leaseOne(store);
    await expectRefused(answerTo({ ...task, epoch: task.epoch + 1 }, lane), lane, task.batchSeq!);
  });

  it('of a task that nobody knows changes nothing', async () => {
    const { lane, task } = await leaseOne(store);
    await expectRefused(answerTo({ ...task, seq: 987_654 }, lane), lane, task.batchSeq!);
    expect(await resultOf(store, { seq: 987_654 })).toBeNull();
  });

  it('of a task that was given back changes nothing', async () => {
    const { lane, task } = await leaseOne(store);
    await store.tasks.giveBack(returnOf(task, lane));
    await expectRefused(answerTo(task, lane), lane, task.batchSeq!);
  });

  it('of a task that has ended changes nothing: the first answer stands', async () => {
    const { lane, task } = await leaseOne(store);
    await store.tasks.finish(answerTo(task, lane, { body: 'first' }));
    await expectRefused(answerTo(task, lane, { body: 'second', statusCode: 500 }), lane, task.batchSeq!);
    expect(await resultOf(store, task)).toMatchObject({ body: 'first', statusCode: 200 });
  });

  it('of a line that was settled while it ran changes nothing', async () => {
    const { lane, task } = await leaseOne(store);
    const batchSeq = task.batchSeq!;
    const { tenantSeq, id } = await store.batches.bySeq(batchSeq);
    await store.batches.cancel(tenantSeq, id);
    await store.batches.settle({ batchSeq, after: 0, until: 2, outcome: 'cancelled', isWithLeased: true });
    await expectRefused(answerTo(task, lane), lane, batchSeq);
  });

  it('and ten at once: one is recorded, and its answer is the one that stays', async () => {
    const { lane, task } = await leaseOne(store);
    const bodies = range(1, 10).map((n) => `answer ${n}`);
    const results = await Promise.all(
      bodies.map((body) => store.tasks.finish(answerTo(task, lane, { body, usage: USAGE }))),
    );
    const recorded = bodies.filter((_, index) => results[index]!.isRecorded);
    expect(recorded).toHaveLength(1);
    expect(await resultOf(store, task)).toMatchObject({ body: recorded[0] });
    expect(await taskRow(store, task)).toMatchObject({ tries: 1 });
    expect(await store.batches.bySeq(task.batchSeq!)).toMatchObject({ completed: 1, totalTokens: 13 });
  });
}

function exerciseContents(store: TestStore): void {
  it.each([
    ['more than ASCII', '{"text":"Grüße, 漢字 und 🦆"}'],
    ['NUL characters', '\0start, mid\0dle and end\0'],
    ['quotes, backslashes and line ends', `'";\\\r\n\u2028`],
    ['numbers as they were written', '{"id":12345678901234567890,"x":1.10e+02}'],
    ['a megabyte', `{"text":"${'ß'.repeat(512 * 1024)}"}`],
    ['nothing', ''],
  ])('may be %s', async (_kind, body) => {
    const { lane, task } = await leaseOne(store);
    await store.tasks.finish(answerTo(task, lane, { body, requestId: body.slice(0, 20) }));
    const result = await resultOf(store, task);
    // Compared by hand, because a megabyte makes no good failure message.
    expect(result!.body === body).toBe(true);
    expect(result!.requestId).toBe(body.slice(0, 20));
    const [line] = await store.batches.endedLines(task.batchSeq!, 0, 1);
    expect(line!.body === body).toBe(true);
  });

  it('may be a blob, which is known from then on', async () => {
    const { lane, task } = await leaseOne(store);
    expect(await store.files.isBlobKnown('spill_1')).toBe(false);
    await store.tasks.finish(answerTo(task, lane, { body: null, blobKey: 'spill_1' }));
    expect(await resultOf(store, task)).toMatchObject({ body: null, blobKey: 'spill_1' });
    expect(await store.files.isBlobKnown('spill_1')).toBe(true);
  });

  it('keeps its status, whatever it is', async () => {
    const lane = await seedLane(store);
    const statusCodes = [200, 204, 400, 404, 408, 429, 500, 529];
    const batch = await seedBatch(store, lane, statusCodes.length);
    const tasks = await lease(store, lane, 100);
    await Promise.all(
      tasks.map((task, index) => store.tasks.finish(answerTo(task, lane, { statusCode: statusCodes[index]! }))),
    );
    const lines = await store.batches.endedLines(batch.seq, 0, 100);
    expect(lines.map((line) => line.statusCode)).toEqual(statusCodes);
    expect(new Set(lines.map((line) => line.state))).toEqual(new Set([3]));
  });
}

function exerciseProgress(store: TestStore): void {
  it('adds up over many lines of several batches that end at once', async () => {
    const lane = await seedLane(store);
    const batches = [
      await seedBatch(store, lane, 40),
      await seedBatch(store, lane, 60),
      await seedBatch(store, lane, 5),
    ];
    const tasks = await lease(store, lane, 90);
    await Promise.all(tasks.map((task) => store.tasks.finish(answerTo(task, lane, { usage: USAGE }))));
    const counts = await Promise.all(batches.map(({ seq }) => store.batches.bySeq(seq)));
    expect(counts.map(({ completed }) => completed)).toEqual([40, 50, 0]);
    expect(counts.map(({ totalTokens }) => totalTokens)).toEqual([40 * 13, 50 * 13, 0]);
    expect(counts.map(({ state }) => state)).toEqual(['finalizing', 'in_progress', 'in_progress']);
  });

  it('adds up each kind of tokens, over many commits', async () => {
    const lane = await seedLane(store);
    const batch = await seedBatch(store, lane, 4);
    const tasks = await lease(store, lane, 3);
    for (const task of tasks) await store.tasks.finish(answerTo(task, lane, { usage: USAGE }));
    expect(await store.batches.bySeq(batch.seq)).toMatchObject({
      inputTokens: 30,
      cachedTokens: 12,
      outputTokens: 9,
      reasoningTokens: 6,
      totalTokens: 39,
    });
  });

  it('takes an answer that names no tokens for none', async () => {
    const { lane, task } = await leaseOne(store);
    await store.tasks.finish(answerTo(task, lane, { usage: null }));
    expect(await store.batches.bySeq(task.batchSeq!)).toMatchObject({ completed: 1, ...NO_USAGE });
  });

  it.each([
    [200, 1, 0],
    [399, 1, 0],
    [400, 0, 1],
    [429, 0, 1],
    [500, 0, 1],
  ])('takes an answer of status %i for %i completed and %i failed lines', async (statusCode, completed, failed) => {
    const { lane, task } = await leaseOne(store);
    await store.tasks.finish(answerTo(task, lane, { statusCode }));
    expect(await progressOf(store, task.batchSeq!)).toMatchObject({ completed, failed });
  });

  it('takes a line without an answer for a failed one', async () => {
    const { lane, task } = await leaseOne(store);
    await store.tasks.finish(answerTo(task, lane, { state: 'failed', statusCode: null, errorCode: 'timeout' }));
    expect(await progressOf(store, task.batchSeq!)).toMatchObject({ completed: 0, failed: 1 });
  });
}

function exerciseLastLines(store: TestStore): void {
  it('comes with its last line, once, whatever became of the lines', async () => {
    const lane = await seedLane(store);
    const batch = await seedBatch(store, lane, 5);
    const tasks = await lease(store, lane, 5);
    const done: boolean[] = [];
    for (const [index, task] of tasks.entries()) {
      expect((await store.batches.bySeq(batch.seq)).state).toBe('in_progress');
      store.clock.advance(10);
      const { isBatchDone } = await store.tasks.finish(answerTo(task, lane, { statusCode: index % 2 ? 500 : 200 }));
      done.push(isBatchDone);
    }
    expect(done).toEqual([false, false, false, false, true]);
    expect(await progressOf(store, batch.seq)).toEqual({
      completed: 3,
      failed: 2,
      state: 'finalizing',
      outcome: 'completed',
      finalizingAt: store.clock.now(),
    });
  });

  it('does not come while lines are still being read in', async () => {
    const lane = await seedLane(store);
    const batch = await seedBatch(store, lane, 0);
    await insertLines(store, batch, lane, 0, 4, 3);
    for (const task of await lease(store, lane, 3)) {
      expect(await store.tasks.finish(answerTo(task, lane))).toEqual(RECORDED);
    }
    await insertLines(store, batch, lane, 3, 4);
    const [last] = await lease(store, lane, 1);
    expect(await store.tasks.finish(answerTo(last!, lane))).toEqual({ isRecorded: true, isBatchDone: true });
  });

  it('leaves one that is being cancelled as it is, and counts its lines, also when it is all of them', async () => {
    const lane = await seedLane(store);
    const { tenantSeq, seq, id } = await seedBatch(store, lane, 2);
    const tasks = await lease(store, lane, 2);
    await store.batches.cancel(tenantSeq, id);
    for (const task of tasks) expect(await store.tasks.finish(answerTo(task, lane))).toEqual(RECORDED);
    expect(await progressOf(store, seq)).toEqual({
      completed: 2,
      failed: 0,
      state: 'cancelling',
      outcome: 'cancelled',
      finalizingAt: null,
    });
  });

  it('leaves one whose window is over as it is, and counts its lines, also when it is all of them', async () => {
    const lane = await seedLane(store);
    const { seq } = await seedBatch(store, lane, 2);
    const tasks = await lease(store, lane, 2);
    store.clock.advance(WINDOW_MS);
    await store.batches.expire(seq);
    const finalizingAt = store.clock.now();
    store.clock.advance(500);
    for (const task of tasks) expect(await store.tasks.finish(answerTo(task, lane))).toEqual(RECORDED);
    expect(await progressOf(store, seq)).toEqual({
      completed: 2,
      failed: 0,
      state: 'finalizing',
      outcome: 'expired',
      finalizingAt,
    });
  });
}
