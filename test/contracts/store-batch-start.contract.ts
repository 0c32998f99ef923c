import { describe, expect, it } from 'vitest';
import { newId } from '../../src/kernel/ids.js';
import { BatchRow } from '../../src/store/entities/batch.entity.js';
import { IdempotencyKeyRow } from '../../src/store/entities/idempotency-key.entity.js';
import { TaskRow } from '../../src/store/entities/task.entity.js';
import { IDEMPOTENCY_TTL_MS } from '../../src/store/procedures/idempotency.js';
import type { TestStore } from '../support/store-factory.js';
import {
  insertLines,
  laneRow,
  lease,
  linesOf,
  newBatch,
  newFile,
  newLines,
  range,
  seedBatch,
  seedFile,
  seedLane,
  seedTenant,
  WINDOW_MS,
  type SeededLane,
} from '../support/store-seeds.js';

/** How a batch is made and read in. */
export function exerciseStoreBatchStarts(store: TestStore): void {
  describe('making a batch', () => exerciseCreate(store));
  describe('making a batch with an Idempotency-Key', () => exerciseIdempotency(store));
  describe('reading lines in', () => exerciseIngest(store));
  describe('finding batches', () => exerciseReads(store));
}

function exerciseCreate(store: TestStore): void {
  it('gives it everything it was made with, and a window from now', async () => {
    const file = await seedFile(store, await seedTenant(store));
    store.clock.advance(60_000);
    const wanted = newBatch(file, {
      queueSeq: 7,
      level: 4,
      endpoint: '/v1/embeddings',
      completionWindow: '2h',
      windowMs: 2 * 3_600_000,
      metadata: '{"team":"Größe"}',
      outputTtlMs: 9_000,
    });
    const { batch, isReplay } = await store.batches.create(wanted);
    const { windowMs, idempotency: _, ...columns } = wanted;
    const now = store.clock.now();
    expect(isReplay).toBe(false);
    expect(batch).toMatchObject({
      ...columns,
      state: 'validating',
      outcome: null,
      inputBlobSeq: file.blobSeq,
      createdAt: now,
      expiresAt: now + windowMs,
      inProgressAt: null,
      total: 0,
      ingested: 0,
      completed: 0,
      failed: 0,
      totalTokens: 0,
      outputFileId: null,
    });
    expect(await store.batches.find(file.tenantSeq, wanted.id)).toEqual(await store.batches.bySeq(batch.seq));
  });

  it.each([
    ['does not exist', async () => newFile(1)],
    [
      'was deleted',
      async (tenantSeq: number) => {
        const file = await seedFile(store, tenantSeq);
        await store.files.delete(tenantSeq, file.id);
        return file;
      },
    ],
    [
      'has expired, swept or not',
      async (tenantSeq: number) => {
        const file = await seedFile(store, tenantSeq, { ttlMs: 1_000 });
        store.clock.advance(1_000);
        return file;
      },
    ],
    ['belongs to another tenant', async () => seedFile(store, await seedTenant(store))],
  ])('refuses an input file that %s', async (_kind, makeFile) => {
    const tenantSeq = await seedTenant(store);
    const { id } = await makeFile(tenantSeq);
    await expect(store.batches.create(newBatch({ tenantSeq, id }))).rejects.toMatchObject({
      code: 'not_found',
      param: 'input_file_id',
      message: `No such File object: ${id}`,
    });
    expect(await store.reader.countBy(BatchRow, {})).toBe(0);
  });

  it('refuses an input file of another purpose, and names it', async () => {
    const file = await seedFile(store, await seedTenant(store), { purpose: 'fine-tune' });
    await expect(store.batches.create(newBatch(file))).rejects.toMatchObject({
      code: 'invalid_value',
      param: 'input_file_id',
      message: expect.stringContaining("has purpose 'fine-tune'"),
    });
  });

  it('makes as many of one file as are asked for', async () => {
    const file = await seedFile(store, await seedTenant(store));
    const made = await Promise.all(range(1, 10).map(() => store.batches.create(newBatch(file))));
    expect(new Set(made.map(({ batch }) => batch.seq)).size).toBe(10);
  });
}

function exerciseIdempotency(store: TestStore): void {
  const claim = { key: 'order-66', requestHash: 'hash-a' };

  it('answers the same request with the batch that it made, as it is now', async () => {
    const lane = await seedLane(store);
    const file = await seedFile(store, lane.tenantSeq);
    const { batch } = await store.batches.create(newBatch(file, { idempotency: claim }));
    await insertLines(store, batch, lane, 0, 2);
    const again = await store.batches.create(newBatch(file, { idempotency: claim }));
    expect(again.isReplay).toBe(true);
    expect(again.batch).toMatchObject({ seq: batch.seq, id: batch.id, state: 'in_progress', total: 2 });
    expect(await store.reader.countBy(BatchRow, {})).toBe(1);
  });

  it('makes one batch when the same request comes many times at once', async () => {
    const file = await seedFile(store, await seedTenant(store));
    const made = await Promise.all(
      range(1, 20).map(() => store.batches.create(newBatch(file, { idempotency: claim }))),
    );
    expect(made.filter(({ isReplay }) => !isReplay)).toHaveLength(1);
    expect(new Set(made.map(({ batch }) => batch.id)).size).toBe(1);
    expect(await store.reader.countBy(BatchRow, {})).toBe(1);
  });

  it('answers also when the input file is gone by then', async () => {
    const file = await seedFile(store, await seedTenant(store));
    await store.batches.create(newBatch(file, { idempotency: claim }));
    await store.files.delete(file.tenantSeq, file.id);
    expect(await store.batches.create(newBatch(file, { idempotency: claim }))).toMatchObject({ isReplay: true });
  });

  it('refuses another request with the same key', async () => {
    const file = await seedFile(store, await seedTenant(store));
    await store.batches.create(newBatch(file, { idempotency: claim }));
    const other = store.batches.create(newBatch(file, { idempotency: { ...claim, requestHash: 'hash-b' } }));
    await expect(other).rejects.toMatchObject({ code: 'idempotency_key_reused', status: 422 });
    expect(await store.reader.countBy(BatchRow, {})).toBe(1);
  });

  it('knows the keys of each tenant apart', async () => {
    const files = [await seedFile(store, await seedTenant(store)), await seedFile(store, await seedTenant(store))];
    const made = await Promise.all(files.map((file) => store.batches.create(newBatch(file, { idempotency: claim }))));
    expect(made.map(({ isReplay }) => isReplay)).toEqual([false, false]);
  });

  it('does not remember a key whose request was refused', async () => {
    const tenantSeq = await seedTenant(store);
    const missing = newBatch({ tenantSeq, id: newId('file') }, { idempotency: claim });
    await expect(store.batches.create(missing)).rejects.toMatchObject({ code: 'not_found' });
    expect(await store.reader.countBy(IdempotencyKeyRow, {})).toBe(0);
    const file = await seedFile(store, tenantSeq);
    const other = { ...claim, requestHash: 'hash-b' };
    expect(await store.batches.create(newBatch(file, { idempotency: other }))).toMatchObject({ isReplay: false });
  });

  it('forgets a key after a day', async () => {
    const file = await seedFile(store, await seedTenant(store));
    const { batch } = await store.batches.create(newBatch(file, { idempotency: claim }));
    store.clock.advance(IDEMPOTENCY_TTL_MS - 1);
    expect(await store.batches.create(newBatch(file, { idempotency: claim }))).toMatchObject({ isReplay: true });
    store.clock.advance(1);
    const other = { ...claim, requestHash: 'hash-b' };
    const made = await store.batches.create(newBatch(file, { idempotency: other }));
    expect(made.isReplay).toBe(false);
    expect(made.batch.seq).not.toBe(batch.seq);
    expect(await store.batches.create(newBatch(file, { idempotency: other }))).toMatchObject({ isReplay: true });
  });
}

function exerciseIngest(store: TestStore): void {
  it('makes tasks of them, ready in their order, and starts the batch', async () => {
    const lane = await seedLane(store);
    const batch = await seedBatch(store, lane, 0);
    store.clock.advance(1_000);
    expect(await insertLines(store, batch, lane, 0, 3)).toBe(true);
    const now = store.clock.now();
    expect(await store.batches.bySeq(batch.seq)).toMatchObject({
      state: 'in_progress',
      total: 3,
      ingested: 3,
      model: 'm',
      inProgressAt: now,
      outcome: null,
    });
    const tasks = await store.reader.find(TaskRow, { where: { batchSeq: batch.seq }, order: { seq: 'asc' } });
    expect(tasks).toMatchObject(
      newLines(lane, 0, 3).map((line, index) => ({
        ...line,
        tenantSeq: lane.tenantSeq,
        line: index + 1,
        id: null,
        state: 1,
        mode: 'batch',
        epoch: 0,
        tries: 0,
        losses: 0,
        enqueuedAt: now,
      })),
    );
    expect(await laneRow(store, lane)).toMatchObject({ putCount: 3 });
  });

  it('goes on where it stopped, and keeps the first stamp', async () => {
    const lane = await seedLane(store);
    const batch = await seedBatch(store, lane, 0);
    await insertLines(store, batch, lane, 0, 5, 2);
    const inProgressAt = store.clock.now();
    store.clock.advance(1_000);
    // What a restart does: it reads how far the batch has come.
    const { ingested } = await store.batches.bySeq(batch.seq);
    expect(await insertLines(store, batch, lane, ingested, 5)).toBe(true);
    expect(await store.batches.bySeq(batch.seq)).toMatchObject({ total: 5, ingested: 5, inProgressAt });
    expect(linesOf(await lease(store, lane, 10))).toEqual([1, 2, 3, 4, 5]);
  });

  it.each([
    ['again', 0],
    ['from the middle of those that are in', 1],
    ['with a gap', 3],
  ])('refuses lines that are not the next ones: %s', async (_kind, from) => {
    const lane = await seedLane(store);
    const batch = await seedBatch(store, lane, 0);
    await insertLines(store, batch, lane, 0, 6, 2);
    expect(await insertLines(store, batch, lane, from, 6, 2)).toBe(false);
    expect(await store.batches.bySeq(batch.seq)).toMatchObject({ ingested: 2 });
    expect(await store.tasks.laneDepth(lane.laneSeq)).toMatchObject({ ready: 2 });
    expect(await laneRow(store, lane)).toMatchObject({ putCount: 2 });
  });

  it('takes the same lines once when they come at once', async () => {
    const lane = await seedLane(store);
    const batch = await seedBatch(store, lane, 0);
    const answers = await Promise.all(range(1, 5).map(() => insertLines(store, batch, lane, 0, 10)));
    expect(answers.filter(Boolean)).toHaveLength(1);
    expect(await store.tasks.laneDepth(lane.laneSeq)).toMatchObject({ ready: 10 });
  });

  it('spreads lines over lanes', async () => {
    const lanes = [await seedLane(store), await seedLane(store)];
    const batch = await seedBatch(store, lanes[0]!, 0);
    const lines = newLines(lanes[0]!, 0, 6).map((line, index) => ({ ...line, laneSeq: lanes[index % 2]!.laneSeq }));
    const { seq: batchSeq, tenantSeq } = batch;
    await store.batches.insertLines({ batchSeq, tenantSeq, from: 0, total: 6, model: null, lines });
    expect(linesOf(await lease(store, lanes[0]!, 10))).toEqual([1, 3, 5]);
    expect(linesOf(await lease(store, lanes[1]!, 10))).toEqual([2, 4, 6]);
    expect((await store.batches.bySeq(batchSeq)).model).toBeNull();
  });

  it.each([
    [
      'is being cancelled',
      async (batch: BatchRow) => void (await store.batches.cancel(batch.tenantSeq, batch.id)),
      'cancelling',
    ],
    [
      'is over its window',
      async ({ seq }: BatchRow) => {
        store.clock.advance(WINDOW_MS);
        await store.batches.expire(seq);
      },
      'finalizing',
    ],
  ])('goes on for a batch that %s, because each line must be answered for', async (_kind, stop, state) => {
    const lane = await seedLane(store);
    const batch = await seedBatch(store, lane, 0);
    await insertLines(store, batch, lane, 0, 4, 2);
    await stop(batch);
    expect(await insertLines(store, batch, lane, 2, 4)).toBe(true);
    expect(await store.batches.bySeq(batch.seq)).toMatchObject({ state, ingested: 4 });
    expect(await lease(store, lane, 10)).toEqual([]);
  });

  it.each([
    [
      'was cancelled before it',
      async (batch: BatchRow) => void (await store.batches.cancel(batch.tenantSeq, batch.id)),
    ],
    ['had failed', async ({ seq }: BatchRow) => void (await store.batches.fail(seq, '[]'))],
    [
      'expired before it',
      async ({ seq }: BatchRow) => {
        store.clock.advance(WINDOW_MS);
        await store.batches.expire(seq);
      },
    ],
    ['does not exist', async (batch: BatchRow) => void (batch.seq = 987_654)],
  ])('does not begin for a batch that %s', async (_kind, stop) => {
    const lane = await seedLane(store);
    const batch = await seedBatch(store, lane, 0);
    await stop(batch);
    expect(await insertLines(store, batch, lane, 0, 2)).toBe(false);
    expect(await store.tasks.laneDepth(lane.laneSeq)).toMatchObject({ ready: 0 });
  });
}

function exerciseReads(store: TestStore): void {
  const seedSome = async (lane: SeededLane, count: number) => {
    const ids: string[] = [];
    for (const _ of range(1, count)) ids.push((await seedBatch(store, lane, 0)).id);
    return ids;
  };
  const page = async (tenantSeq: number, beforeSeq: number | null, limit: number) =>
    (await store.batches.page(tenantSeq, beforeSeq, limit)).map(({ id }) => id);

  it('pages through those of a tenant, newest first', async () => {
    const [lane, other] = [await seedLane(store), await seedLane(store)];
    const first = await seedSome(lane, 3);
    await seedSome(other, 2);
    const newestFirst = [...first, ...(await seedSome(lane, 2))].toReversed();
    expect(await page(lane.tenantSeq, null, 100)).toEqual(newestFirst);
    expect(await page(lane.tenantSeq, null, 2)).toEqual(newestFirst.slice(0, 2));
    const second = await store.batches.find(lane.tenantSeq, newestFirst[1]!);
    expect(await page(lane.tenantSeq, second!.seq, 2)).toEqual(newestFirst.slice(2, 4));
    const last = await store.batches.find(lane.tenantSeq, newestFirst[4]!);
    expect(await page(lane.tenantSeq, last!.seq, 2)).toEqual([]);
  });

  it('tells in which lanes lines of a window are ready', async () => {
    const [lane, other, strange] = [await seedLane(store), await seedLane(store), await seedLane(store)];
    const batch = await seedBatch(store, lane, 0);
    await insertLines(store, await seedBatch(store, strange, 0), strange, 0, 4);
    const lines = newLines(lane, 0, 4).map((line, index) => ({ ...line, laneSeq: [lane, other][index % 2]!.laneSeq }));
    const { seq: batchSeq, tenantSeq } = batch;
    await store.batches.insertLines({ batchSeq, tenantSeq, from: 0, total: 4, model: null, lines });
    const readyLanes = async (after: number, until: number) =>
      new Set(await store.batches.readyLanes(batchSeq, after, until));
    expect(await readyLanes(0, 4)).toEqual(new Set([lane.laneSeq, other.laneSeq]));
    expect(await readyLanes(0, 1)).toEqual(new Set([lane.laneSeq]));
    expect(await readyLanes(1, 2)).toEqual(new Set([other.laneSeq]));
    expect(await readyLanes(4, 8)).toEqual(new Set());
    await lease(store, lane, 10);
    expect(await readyLanes(0, 4)).toEqual(new Set([other.laneSeq]));
  });

  it('does not find those of another tenant', async () => {
    const [lane, other] = [await seedLane(store), await seedLane(store)];
    const [id] = await seedSome(lane, 1);
    expect(await store.batches.find(lane.tenantSeq, id!)).not.toBeNull();
    expect(await store.batches.find(other.tenantSeq, id!)).toBeNull();
  });

  it('finds those to be read in, and those over their window', async () => {
    const lane = await seedLane(store);
    const [validating, failed] = [await seedBatch(store, lane, 0), await seedBatch(store, lane, 0)];
    const running = await seedBatch(store, lane, 1);
    await seedBatch(store, lane, 1, { windowMs: WINDOW_MS + 1 });
    const cancelling = await seedBatch(store, lane, 1);
    await store.batches.fail(failed.seq, '[]');
    await store.batches.cancel(lane.tenantSeq, cancelling.id);
    expect((await store.batches.toIngest()).map(({ seq }) => seq)).toEqual([validating.seq]);
    expect((await store.batches.toFinalize()).map(({ seq }) => seq)).toEqual([cancelling.seq]);
    store.clock.advance(WINDOW_MS - 1);
    expect(await store.batches.overdue()).toEqual([]);
    store.clock.advance(1);
    const overdue = (await store.batches.overdue()).map(({ seq }) => seq);
    expect(overdue.toSorted((a, b) => a - b)).toEqual([validating.seq, running.seq]);
  });
}
