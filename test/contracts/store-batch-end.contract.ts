import { describe, expect, it } from 'vitest';
import { newId } from '../../src/kernel/ids.js';
import type { BatchOutcome } from '../../src/kernel/batch-state.js';
import type { StoredBatch } from '../../src/store/batch.store.js';
import { BatchRow } from '../../src/store/entities/batch.entity.js';
import { FileRow } from '../../src/store/entities/file.entity.js';
import type { ResultFile } from '../../src/store/procedures/batch-shapes.js';
import type { TestStore } from '../support/store-factory.js';
import {
  answerTo,
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

/** How a batch stops, what becomes of its lines, and how it ends. */
export function exerciseStoreBatchEnds(store: TestStore): void {
  describe('failing a batch', () => exerciseFail(store));
  describe('cancelling a batch', () => exerciseCancel(store));
  describe('expiring a batch', () => exerciseExpire(store));
  describe('settling the lines of a batch', () => exerciseSettle(store));
  describe('reading the lines of a batch that has ended', () => exerciseEndedLines(store));
  describe('planning result files', () => exercisePlan(store));
  describe('finishing a batch', () => exerciseFinish(store));
}

async function finishLines(store: TestStore, lane: SeededLane, count: number): Promise<void> {
  const tasks = await lease(store, lane, count);
  await Promise.all(tasks.map((task) => store.tasks.finish(answerTo(task, lane))));
}

/** A batch whose lines have all ended. */
async function seedFinalizing(store: TestStore): Promise<StoredBatch> {
  const lane = await seedLane(store);
  const batch = await seedBatch(store, lane, 2);
  await finishLines(store, lane, 2);
  return store.batches.bySeq(batch.seq);
}

function resultFile(over: Partial<ResultFile> = {}): ResultFile {
  return {
    fileId: newId('file'),
    filename: 'output.jsonl',
    blobKey: newId('blob'),
    bytes: 77,
    sha256: 'cd'.repeat(32),
    ttlMs: 10_000,
    ...over,
  };
}

function exerciseFail(store: TestStore): void {
  it('keeps the reasons, while it is validating', async () => {
    const batch = await seedBatch(store, await seedLane(store), 0);
    store.clock.advance(300);
    expect(await store.batches.fail(batch.seq, '[{"line":3}]')).toBe(true);
    expect(await store.batches.bySeq(batch.seq)).toMatchObject({
      state: 'failed',
      errors: '[{"line":3}]',
      failedAt: store.clock.now(),
    });
  });

  it('does nothing once it has moved on', async () => {
    const lane = await seedLane(store);
    const started = await seedBatch(store, lane, 1);
    const cancelled = await seedBatch(store, lane, 0);
    await store.batches.cancel(lane.tenantSeq, cancelled.id);
    for (const { seq } of [started, cancelled]) {
      const before = await store.batches.bySeq(seq);
      expect(await store.batches.fail(seq, '[]')).toBe(false);
      expect(await store.batches.bySeq(seq)).toEqual(before);
    }
  });
}

function exerciseCancel(store: TestStore): void {
  it.each([
    ['validating', 0],
    ['in_progress', 3],
  ])('stops one that is %s', async (state, lines) => {
    const batch = await seedBatch(store, await seedLane(store), lines);
    expect(batch.state).toBe(state);
    store.clock.advance(50);
    const cancelled = await store.batches.cancel(batch.tenantSeq, batch.id);
    expect(cancelled).toMatchObject({
      seq: batch.seq,
      state: 'cancelling',
      outcome: 'cancelled',
      cancellingAt: store.clock.now(),
      cancelledAt: null,
    });
    expect(await store.batches.bySeq(batch.seq)).toMatchObject({ state: 'cancelling' });
  });

  it('again gives it as it is, stopping or stopped', async () => {
    const batch = await seedBatch(store, await seedLane(store), 0);
    const first = await store.batches.cancel(batch.tenantSeq, batch.id);
    store.clock.advance(50);
    expect(await store.batches.cancel(batch.tenantSeq, batch.id)).toEqual(first);
    await store.batches.finish({ batchSeq: batch.seq, outcome: 'cancelled', output: null, error: null });
    const cancelledAt = store.clock.now();
    store.clock.advance(50);
    expect(await store.batches.cancel(batch.tenantSeq, batch.id)).toMatchObject({ state: 'cancelled', cancelledAt });
  });

  it.each(['finalizing', 'completed', 'failed', 'expired'])(
    'refuses one that is %s, and names its state',
    async (state) => {
      const batch = await seedBatch(store, await seedLane(store), 0);
      await store.byHand.update(BatchRow, { seq: batch.seq }, { state });
      const before = await store.batches.bySeq(batch.seq);
      await expect(store.batches.cancel(batch.tenantSeq, batch.id)).rejects.toMatchObject({
        code: 'batch_not_cancellable',
        status: 409,
        message: `Cannot cancel a batch with status '${state}'.`,
      });
      expect(await store.batches.bySeq(batch.seq)).toEqual(before);
    },
  );

  it('refuses one that is unknown, or of another tenant', async () => {
    const [lane, other] = [await seedLane(store), await seedLane(store)];
    const batch = await seedBatch(store, lane, 1);
    for (const [tenantSeq, id] of [
      [other.tenantSeq, batch.id],
      [lane.tenantSeq, newId('batch')],
    ] as const) {
      await expect(store.batches.cancel(tenantSeq, id)).rejects.toMatchObject({ code: 'not_found' });
    }
    expect(await store.batches.bySeq(batch.seq)).toMatchObject({ state: 'in_progress', outcome: null });
  });
}

function exerciseExpire(store: TestStore): void {
  it('does nothing before its window is over', async () => {
    const batch = await seedBatch(store, await seedLane(store), 2);
    store.clock.advance(WINDOW_MS - 1);
    expect(await store.batches.expire(batch.seq)).toBe(false);
    expect(await store.batches.bySeq(batch.seq)).toEqual(batch);
  });

  it('stops one that runs', async () => {
    const batch = await seedBatch(store, await seedLane(store), 2);
    store.clock.advance(WINDOW_MS);
    expect(await store.batches.expire(batch.seq)).toBe(true);
    expect(await store.batches.bySeq(batch.seq)).toMatchObject({
      state: 'finalizing',
      outcome: 'expired',
      finalizingAt: store.clock.now(),
      expiredAt: null,
      settledAt: null,
    });
    expect(await store.batches.expire(batch.seq)).toBe(false);
  });

  it('ends one at once of which no line was read', async () => {
    const batch = await seedBatch(store, await seedLane(store), 0);
    store.clock.advance(WINDOW_MS);
    expect(await store.batches.expire(batch.seq)).toBe(true);
    const now = store.clock.now();
    expect(await store.batches.bySeq(batch.seq)).toMatchObject({ state: 'expired', expiredAt: now, settledAt: now });
  });

  it('leaves one alone that is stopping for another reason', async () => {
    const lane = await seedLane(store);
    const cancelling = await seedBatch(store, lane, 1);
    await store.batches.cancel(lane.tenantSeq, cancelling.id);
    const finalizing = await seedFinalizing(store);
    store.clock.advance(WINDOW_MS);
    expect(await store.batches.expire(cancelling.seq)).toBe(false);
    expect(await store.batches.expire(finalizing.seq)).toBe(false);
    expect(await store.batches.bySeq(finalizing.seq)).toMatchObject({ outcome: 'completed' });
  });
}

function exerciseSettle(store: TestStore): void {
  /** A batch of ten: 1 and 2 have ended, 3 and 4 run, 5 is scheduled, 6 to 10 are ready. */
  async function seedMixed(): Promise<{ lane: SeededLane; batch: StoredBatch; leased: number[] }> {
    const lane = await seedLane(store);
    const batch = await seedBatch(store, lane, 10);
    await finishLines(store, lane, 2);
    const [third, fourth, fifth] = await lease(store, lane, 3);
    await store.tasks.giveBack(returnOf(fifth!, lane, { availableAt: store.clock.now() + 1 }));
    await store.batches.cancel(lane.tenantSeq, batch.id);
    return { lane, batch, leased: [third!.seq, fourth!.seq] };
  }
  const statesOf = async ({ seq, total }: StoredBatch) =>
    (await store.batches.endedLines(seq, 0, total)).map(({ state }) => state);
  const window = (batch: StoredBatch, after: number, until: number, isWithLeased = false) =>
    store.batches.settle({ batchSeq: batch.seq, after, until, outcome: 'cancelled', isWithLeased });

  it('ends those that wait, and leaves those that run', async () => {
    const { lane, batch } = await seedMixed();
    store.clock.advance(40);
    expect(await window(batch, 0, 10)).toEqual({ settled: 6, live: 2, freedLaneSeqs: [] });
    expect(await statesOf(batch)).toEqual([3, 3, 2, 2, 6, 6, 6, 6, 6, 6]);
    expect(await laneRow(store, lane)).toMatchObject({ cancelledCount: 6, completedCount: 2 });
    expect(await store.tasks.laneDepth(lane.laneSeq)).toMatchObject({ ready: 0, scheduled: 0, leased: 2 });
  });

  it('ends those that run too, when asked', async () => {
    const { lane, batch, leased } = await seedMixed();
    store.clock.advance(40);
    expect(await window(batch, 0, 10, true)).toEqual({ settled: 8, live: 0, freedLaneSeqs: [lane.laneSeq] });
    expect(await statesOf(batch)).toEqual([3, 3, ...Array<number>(8).fill(6)]);
    for (const seq of leased) expect(await taskRow(store, { seq })).toMatchObject({ endedAt: store.clock.now() });
  });

  it('touches the lines of its window only, both ends told apart', async () => {
    const { batch } = await seedMixed();
    expect(await window(batch, 6, 8)).toMatchObject({ settled: 2, live: 0 });
    expect(await statesOf(batch)).toEqual([3, 3, 2, 2, 0, 1, 6, 6, 1, 1]);
    expect(await window(batch, 0, 4)).toMatchObject({ settled: 0, live: 2 });
  });

  it('finds nothing a second time, and leaves other batches alone', async () => {
    const { lane, batch } = await seedMixed();
    const other = await seedBatch(store, lane, 3);
    await window(batch, 0, 10, true);
    expect(await window(batch, 0, 10, true)).toEqual({ settled: 0, live: 0, freedLaneSeqs: [] });
    expect(await statesOf(other)).toEqual([1, 1, 1]);
  });

  it('ends them as expired in a batch whose window is over', async () => {
    const lane = await seedLane(store);
    const batch = await seedBatch(store, lane, 3);
    await finishLines(store, lane, 1);
    const settled = await store.batches.settle({
      batchSeq: batch.seq,
      after: 0,
      until: 3,
      outcome: 'expired',
      isWithLeased: true,
    });
    expect(settled).toMatchObject({ settled: 2, live: 0 });
    expect(await statesOf(batch)).toEqual([3, 5, 5]);
    expect(await laneRow(store, lane)).toMatchObject({ expiredCount: 2, cancelledCount: 0 });
  });
}

function exerciseEndedLines(store: TestStore): void {
  it('gives them by line, in pages, with their results', async () => {
    const lane = await seedLane(store);
    const batch = await seedBatch(store, lane, 4);
    const tasks = await lease(store, lane, 3);
    const failure = { state: 'failed', statusCode: null, requestId: null, body: null } as const;
    await store.tasks.finish(answerTo(tasks[2]!, lane, { requestId: 'req_3', body: '{"n":3}' }));
    await store.tasks.finish(
      answerTo(tasks[0]!, lane, { ...failure, errorCode: 'timeout', errorMessage: 'No answer.' }),
    );
    await store.tasks.finish(answerTo(tasks[1]!, lane, { requestId: 'req_2', body: null, blobKey: 'spill_2' }));
    const nothing = {
      statusCode: null,
      requestId: null,
      body: null,
      blobKey: null,
      errorCode: null,
      errorMessage: null,
    };
    const lines = [
      { ...nothing, line: 1, customId: 'custom-1', state: 4, errorCode: 'timeout', errorMessage: 'No answer.' },
      { ...nothing, line: 2, customId: 'custom-2', state: 3, statusCode: 200, requestId: 'req_2', blobKey: 'spill_2' },
      { ...nothing, line: 3, customId: 'custom-3', state: 3, statusCode: 200, requestId: 'req_3', body: '{"n":3}' },
      { ...nothing, line: 4, customId: 'custom-4', state: 1 },
    ];
    expect(await store.batches.endedLines(batch.seq, 0, 10)).toEqual(lines);
    expect(await store.batches.endedLines(batch.seq, 1, 3)).toEqual(lines.slice(1, 3));
    expect(await store.batches.endedLines(batch.seq, 4, 8)).toEqual([]);
  });
}

function exercisePlan(store: TestStore): void {
  it('fixes their ids once: who comes later gets the first ones', async () => {
    const batch = await seedFinalizing(store);
    const plans = await Promise.all(
      range(1, 5).map((n) => store.batches.planResultFiles(batch.seq, `file-out-${n}`, `file-err-${n}`)),
    );
    const settledAt = store.clock.now();
    store.clock.advance(1_000);
    plans.push(await store.batches.planResultFiles(batch.seq, 'file-out-late', 'file-err-late'));
    for (const plan of plans) {
      expect(plan).toMatchObject({ plannedOutputId: 'file-out-1', plannedErrorId: 'file-err-1', settledAt });
    }
    expect(plans[0]).toMatchObject({ state: 'finalizing', outputFileId: null, errorFileId: null });
  });
}

function exerciseFinish(store: TestStore): void {
  it('ends it and makes its files visible in one step', async () => {
    const batch = await seedFinalizing(store);
    store.clock.advance(500);
    const [output, error] = [resultFile(), resultFile({ filename: 'error.jsonl', ttlMs: 20_000 })];
    expect(await store.batches.finish({ batchSeq: batch.seq, outcome: 'completed', output, error })).toBe(true);
    const now = store.clock.now();
    expect(await store.batches.bySeq(batch.seq)).toMatchObject({
      state: 'completed',
      completedAt: now,
      outputFileId: output.fileId,
      errorFileId: error.fileId,
    });
    for (const result of [output, error]) {
      const file = await store.files.find(batch.tenantSeq, result.fileId);
      expect(file).toMatchObject({
        tenantSeq: batch.tenantSeq,
        purpose: 'batch_output',
        filename: result.filename,
        bytes: 77,
        createdAt: now,
        expiresAt: now + result.ttlMs,
      });
      expect(await store.files.blobOf(file!)).toMatchObject({ key: result.blobKey, bytes: 77, sha256: result.sha256 });
    }
  });

  it.each<[BatchOutcome, keyof StoredBatch]>([
    ['completed', 'completedAt'],
    ['expired', 'expiredAt'],
    ['cancelled', 'cancelledAt'],
  ])('as %s stamps it as such, with the files there are', async (outcome, stamp) => {
    const batch = await seedFinalizing(store);
    const stamps = ['completedAt', 'expiredAt', 'cancelledAt', 'failedAt'] as const;
    store.clock.advance(500);
    await store.batches.finish({ batchSeq: batch.seq, outcome, output: null, error: null });
    const row = await store.batches.bySeq(batch.seq);
    expect(row).toMatchObject({ state: outcome, outputFileId: null, errorFileId: null });
    expect(stamps.filter((name) => row[name] !== null)).toEqual([stamp]);
    expect(row[stamp]).toBe(store.clock.now());
  });

  it('happens once: a second one changes nothing, at once or later', async () => {
    const batch = await seedFinalizing(store);
    const finish = () =>
      store.batches.finish({ batchSeq: batch.seq, outcome: 'completed', output: resultFile(), error: null });
    const answers = await Promise.all(range(1, 5).map(finish));
    expect(answers).toEqual([true, false, false, false, false]);
    const before = await store.batches.bySeq(batch.seq);
    store.clock.advance(1_000);
    expect(await finish()).toBe(false);
    expect(await store.batches.bySeq(batch.seq)).toEqual(before);
    expect(await store.reader.countBy(FileRow, { purpose: 'batch_output' })).toBe(1);
  });

  it('does not happen to one that still runs', async () => {
    const batch = await seedBatch(store, await seedLane(store), 1);
    const end = { batchSeq: batch.seq, outcome: 'completed', output: resultFile(), error: null } as const;
    expect(await store.batches.finish(end)).toBe(false);
    expect(await store.batches.bySeq(batch.seq)).toEqual(batch);
    expect(await store.files.find(batch.tenantSeq, end.output.fileId)).toBeNull();
  });

  it('that breaks on one of its files leaves none, and the batch as it was', async () => {
    const batch = await seedFinalizing(store);
    const output = resultFile();
    const end = {
      batchSeq: batch.seq,
      outcome: 'completed',
      output,
      error: resultFile({ fileId: output.fileId }),
    } as const;
    await expect(store.batches.finish(end)).rejects.toThrow("write 'batch-finish' failed");
    expect(await store.batches.bySeq(batch.seq)).toEqual(batch);
    expect(await store.files.find(batch.tenantSeq, output.fileId)).toBeNull();
    expect(await store.files.isBlobKnown(output.blobKey)).toBe(false);
  });
}
