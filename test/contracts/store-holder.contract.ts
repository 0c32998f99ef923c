import { describe, expect, it } from 'vitest';
import { AttemptRow } from '../../src/store/entities/attempt.entity.js';
import { CallbackRow } from '../../src/store/entities/callback.entity.js';
import { TaskResultRow } from '../../src/store/entities/task-result.entity.js';
import type { TestStore } from '../support/store-factory.js';
import { laneRow, range, seedBatch, seedLane, seedTenant } from '../support/store-seeds.js';
import {
  claimOf,
  completionOf,
  failureOf,
  MAX_TRIES,
  put,
  putApart,
  rowOf,
  setQueue,
  stateOf,
  take,
} from '../support/task-seeds.js';

/** What becomes of a task in a worker's hands. */
export function exerciseStoreHolders(store: TestStore): void {
  describe('a completion', () => exerciseCompletion(store));
  describe('a completion that comes late', () => exerciseLateCompletion(store));
  describe('a failure', () => exerciseFailure(store));
  describe('a heartbeat', () => exerciseHeartbeat(store));
}

function resultOf(store: TestStore, { seq }: { seq: number }): Promise<TaskResultRow | null> {
  return store.reader.findOneBy(TaskResultRow, { taskSeq: seq });
}

function exerciseCompletion(store: TestStore): void {
  it('is recorded, counted and told', async () => {
    const lane = await seedLane(store);
    await put(store, lane);
    const [task] = await take(store, [lane]);
    const { outcomes, aftermath } = await store.pull.complete([completionOf(task!, lane, { statusCode: 404 })]);
    expect(outcomes).toEqual(['done']);
    expect(aftermath).toMatchObject({ endedIds: [task!.id], hasCallbacks: false, doneBatchSeqs: [] });
    expect(await rowOf(store, task!.id)).toMatchObject({ state: 3, statusCode: 404, tries: 1 });
    expect(await resultOf(store, task!)).toMatchObject({ statusCode: 404, body: '{"answer":1}', requestId: 'req_1' });
    expect(await laneRow(store, lane)).toMatchObject({ completedCount: 1 });
  });

  it('brings its callback on the way, in the same transaction', async () => {
    const lane = await seedLane(store);
    const id = await put(store, lane, { callbackUrl: 'http://receiver.test/x' });
    const [task] = await take(store, [lane]);
    const { aftermath } = await store.pull.complete([completionOf(task!, lane)]);
    expect(aftermath.hasCallbacks).toBe(true);
    const { seq: taskSeq } = await rowOf(store, id);
    expect(await store.reader.find(CallbackRow)).toMatchObject([
      { taskSeq, url: 'http://receiver.test/x', body: null, state: 1, tenantSeq: lane.tenantSeq },
    ]);
  });

  it('without a token counts for whoever holds the task', async () => {
    const lane = await seedLane(store);
    await put(store, lane);
    const [task] = await take(store, [lane]);
    expect((await store.pull.complete([completionOf({ ...task!, epoch: null }, lane)])).outcomes).toEqual(['done']);
    expect(await stateOf(store, task!.id)).toBe('completed');
  });

  it('of many is answered one by one', async () => {
    const lane = await seedLane(store);
    await putApart(store, [lane, lane, lane]);
    const [a, b, c] = await take(store, [lane]);
    await store.pull.release([claimOf(b!, lane)]);
    const { outcomes } = await store.pull.complete([
      completionOf(a!, lane),
      completionOf(b!, lane),
      completionOf(c!, lane),
      completionOf({ id: 'task_unknown', epoch: 1 }, lane),
    ]);
    expect(outcomes).toEqual(['done', 'lost', 'done', 'unknown']);
  });

  it('that comes ten times at once is recorded once', async () => {
    const lane = await seedLane(store);
    await put(store, lane, { callbackUrl: 'http://receiver.test/x' });
    const [task] = await take(store, [lane]);
    const answers = await Promise.all(range(1, 10).map(() => store.pull.complete([completionOf(task!, lane)])));
    const outcomes = answers.flatMap(({ outcomes: all }) => all);
    expect(outcomes.filter((outcome) => outcome === 'done')).toHaveLength(1);
    expect(outcomes.filter((outcome) => outcome === 'repeated')).toHaveLength(9);
    expect(await store.reader.count(CallbackRow)).toBe(1);
    expect(await laneRow(store, lane)).toMatchObject({ completedCount: 1 });
  });

  it('is not for workers of other tenants', async () => {
    const lane = await seedLane(store);
    await put(store, lane);
    const [task] = await take(store, [lane]);
    const stranger = { ...lane, tenantSeq: await seedTenant(store) };
    expect((await store.pull.complete([completionOf(task!, stranger)])).outcomes).toEqual(['unknown']);
    expect(await stateOf(store, task!.id)).toBe('leased');
  });

  it('of lines counts in their batch, and ends it', async () => {
    const lane = await seedLane(store);
    const batch = await seedBatch(store, lane, 2);
    const [first, second] = await take(store, [lane]);
    const lineOf = (line: number, epoch: number) => ({
      ...completionOf({ id: '', epoch }, lane),
      key: { batchId: batch.id, line },
    });
    const usage = { inputTokens: 3, cachedTokens: 0, outputTokens: 4, reasoningTokens: 0, totalTokens: 7 };
    const one = await store.pull.complete([{ ...lineOf(1, first!.epoch), usage }]);
    expect(one).toMatchObject({ outcomes: ['done'], aftermath: { doneBatchSeqs: [], endedIds: [] } });
    const two = await store.pull.complete([{ ...lineOf(2, second!.epoch), statusCode: 500 }]);
    expect(two.aftermath.doneBatchSeqs).toEqual([batch.seq]);
    expect(await store.batches.bySeq(batch.seq)).toMatchObject({
      state: 'finalizing',
      outcome: 'completed',
      completed: 1,
      failed: 1,
      totalTokens: 7,
    });
  });

  it('of lines is seen by those who look for ends, also among single tasks', async () => {
    const [lane, singles] = [await seedLane(store), await seedLane(store)];
    const batch = await seedBatch(store, lane, 3);
    const keys = [{ id: await put(store, singles) }, ...[3, 2, 1, 4].map((line) => ({ batchId: batch.id, line }))];
    const [first, second] = await take(store, [lane], { size: 2 });
    await store.pull.complete([{ ...completionOf(second!, lane), key: { batchId: batch.id, line: 2 } }]);
    expect(await store.singles.endedOf(keys)).toEqual([null, null, second!.seq, null, null]);
    await store.pull.complete([{ ...completionOf(first!, lane), key: { batchId: batch.id, line: 1 } }]);
    expect(await store.singles.endedOf(keys)).toEqual([null, null, second!.seq, first!.seq, null]);
  });
}

function exerciseLateCompletion(store: TestStore): void {
  it('with a token that is not the last one changes nothing', async () => {
    const lane = await seedLane(store);
    await put(store, lane);
    const [old] = await take(store, [lane]);
    await store.pull.release([claimOf(old!, lane)]);
    expect((await store.pull.complete([completionOf(old!, lane)])).outcomes).toEqual(['lost']);
    const [held] = await take(store, [lane]);
    expect((await store.pull.complete([completionOf(old!, lane)])).outcomes).toEqual(['lost']);
    expect(await rowOf(store, held!.id)).toMatchObject({ state: 2, epoch: 2, tries: 0 });
    expect(await resultOf(store, held!)).toBeNull();
  });

  it('is taken for a repetition only when it says the same', async () => {
    const lane = await seedLane(store);
    await put(store, lane);
    const [task] = await take(store, [lane]);
    await store.pull.complete([completionOf(task!, lane)]);
    const again = async (over: object) => (await store.pull.complete([completionOf(task!, lane, over)])).outcomes[0];
    expect(await again({})).toBe('repeated');
    expect(await again({ body: '{"answer":2}' })).toBe('lost');
    expect(await again({ statusCode: 500 })).toBe('lost');
    expect(await again({ body: null, blobKey: 'spill_1_ab' })).toBe('lost');
    expect(await resultOf(store, task!)).toMatchObject({ statusCode: 200, body: '{"answer":1}' });
  });

  it('compares what is kept in blobs by its hash', async () => {
    const lane = await seedLane(store);
    await put(store, lane);
    const [task] = await take(store, [lane]);
    const spilled = (blobKey: string) => completionOf(task!, lane, { body: null, blobKey });
    expect((await store.pull.complete([spilled('spill_1_ab')])).outcomes).toEqual(['done']);
    expect((await store.pull.complete([spilled('spill_2_ab')])).outcomes).toEqual(['repeated']);
    expect((await store.pull.complete([spilled('spill_3_cd')])).outcomes).toEqual(['lost']);
  });

  it.each(['completed', 'cancelled', 'expired'])('without a token is passed over when the task is %s', async (how) => {
    const lane = await seedLane(store);
    const id = await put(store, lane, { ttlMs: 1_000 });
    const [task] = await take(store, [lane]);
    if (how === 'completed') await store.pull.complete([completionOf(task!, lane)]);
    if (how === 'cancelled') await store.singles.cancel([{ key: { id }, tenantSeq: lane.tenantSeq, by: null }]);
    store.clock.advance(1_000);
    await store.pull.expire();
    const late = completionOf({ id, epoch: null }, lane, { body: '"late"' });
    expect((await store.pull.complete([late])).outcomes).toEqual(['late']);
    expect(await stateOf(store, id)).toBe(how);
    expect((await resultOf(store, task!))?.body).not.toBe('"late"');
  });

  it('replaces the answer before it in a queue where the last one counts, and counts nothing twice', async () => {
    const lane = await seedLane(store);
    await setQueue(store, lane, { completionRule: 'last' });
    const id = await put(store, lane);
    const [task] = await take(store, [lane]);
    await store.pull.complete([completionOf(task!, lane)]);
    const later = completionOf({ id, epoch: null }, lane, { statusCode: 201, body: '"later"' });
    expect((await store.pull.complete([later])).outcomes).toEqual(['done']);
    expect(await resultOf(store, task!)).toMatchObject({ statusCode: 201, body: '"later"' });
    expect(await rowOf(store, id)).toMatchObject({ statusCode: 201 });
    expect(await laneRow(store, lane)).toMatchObject({ completedCount: 1 });
  });
}

function exerciseFailure(store: TestStore): void {
  it('goes back for another try after the queue’s back-off', async () => {
    const lane = await seedLane(store);
    const retryPolicy = JSON.stringify({ maxTries: 3, firstBackoffMs: 1_000, maxBackoffMs: 60_000 });
    await setQueue(store, lane, { retryPolicy });
    const id = await put(store, lane);
    const [task] = await take(store, [lane]);
    expect((await store.pull.fail([failureOf(task!, lane)])).outcomes).toEqual(['done']);
    const row = await rowOf(store, id);
    expect(row).toMatchObject({ state: 0, tries: 1 });
    expect(row.availableAt! - store.clock.now()).toBeGreaterThanOrEqual(500);
    expect(row.availableAt! - store.clock.now()).toBeLessThanOrEqual(1_000);
    expect(await store.reader.find(AttemptRow)).toMatchObject([
      { taskSeq: row.seq, epoch: 1, outcome: 'failed', detail: 'worker_error: It broke.' },
    ]);
  });

  it('waits as long as the worker says', async () => {
    const lane = await seedLane(store);
    const id = await put(store, lane);
    const [task] = await take(store, [lane]);
    await store.pull.fail([failureOf(task!, lane, { retryAfterMs: 7_000 })]);
    expect(await rowOf(store, id)).toMatchObject({ state: 0, availableAt: store.clock.now() + 7_000 });
  });

  it('is the end when tries are used up, or when it says so', async () => {
    const lane = await seedLane(store);
    const ids = await putApart(store, [lane, lane]);
    for (const _ of range(1, MAX_TRIES)) {
      const [task] = await take(store, [lane], { size: 1 });
      expect(task!.id).toBe(ids[0]);
      await store.pull.fail([failureOf(task!, lane, { retryAfterMs: 0 })]);
      await store.tasks.promote();
    }
    expect(await rowOf(store, ids[0]!)).toMatchObject({ state: 4, tries: MAX_TRIES });
    const [task] = await take(store, [lane]);
    const { aftermath } = await store.pull.fail([failureOf(task!, lane, { isFinal: true })]);
    expect(aftermath.endedIds).toEqual([ids[1]]);
    expect(await resultOf(store, task!)).toMatchObject({ errorCode: 'worker_error', errorMessage: 'It broke.' });
    expect(await laneRow(store, lane)).toMatchObject({ failedCount: 2 });
  });

  it('with a stale token, or said twice, counts once', async () => {
    const lane = await seedLane(store);
    const id = await put(store, lane);
    const [task] = await take(store, [lane]);
    const failure = failureOf(task!, lane);
    expect((await store.pull.fail([failure, failure])).outcomes).toEqual(['done', 'lost']);
    expect((await store.pull.fail([failure])).outcomes).toEqual(['lost']);
    expect(await rowOf(store, id)).toMatchObject({ tries: 1 });
  });

  it('a release is no try and leaves no trace', async () => {
    const lane = await seedLane(store);
    const id = await put(store, lane);
    const [task] = await take(store, [lane]);
    const { outcomes, aftermath } = await store.pull.release([claimOf(task!, lane)]);
    expect(outcomes).toEqual(['done']);
    expect(aftermath.readyLaneSeqs).toEqual([lane.laneSeq]);
    expect(await rowOf(store, id)).toMatchObject({ state: 1, tries: 0, workerSeq: null });
    expect(await store.reader.count(AttemptRow)).toBe(0);
  });
}

function exerciseHeartbeat(store: TestStore): void {
  it('moves the end of the lease on, and tells which leases are gone', async () => {
    const lane = await seedLane(store);
    await putApart(store, [lane, lane, lane]);
    const [a, b, c] = await take(store, [lane], { leaseMs: 10_000 });
    await store.singles.cancel([{ key: { id: b!.id }, tenantSeq: lane.tenantSeq, by: null }]);
    await store.pull.release([claimOf(c!, lane)]);
    store.clock.advance(9_000);
    const claims = [a!, b!, c!, { id: 'task_unknown', epoch: 1 }].map((task) => claimOf(task, lane));
    expect(await store.pull.heartbeat({ claims, worker: null })).toEqual(['done', 'lost', 'lost', 'unknown']);
    expect(await rowOf(store, a!.id)).toMatchObject({ leaseUntil: store.clock.now() + 10_000 });
    expect(await rowOf(store, c!.id)).toMatchObject({ state: 1, leaseUntil: null });
  });

  it('notes once in a while that whoever took the task is here, when it does not say who it is', async () => {
    const lane = await seedLane(store);
    const [gpu, idle] = ['gpu-1', 'gpu-2'].map((name) => ({ tenantSeq: lane.tenantSeq, name, capacity: 4 }));
    await put(store, lane);
    const [task] = await take(store, [lane], { worker: gpu! });
    await take(store, [lane], { worker: idle! });
    const seenAfter = async (ms: number, claims: ReturnType<typeof claimOf>[]) => {
      store.clock.advance(ms);
      await store.pull.heartbeat({ claims, worker: null });
      const workers = await store.pull.workers(lane.tenantSeq);
      return workers.map(({ name, capacity, lastSeenAt }) => [name, capacity, store.clock.now() - lastSeenAt]);
    };
    const held = [claimOf(task!, lane)];
    const lost = [{ ...held[0]!, epoch: 7 }];
    const seen = (gpuAgo: number, idleAgo: number) => [
      ['gpu-1', 4, gpuAgo],
      ['gpu-2', 4, idleAgo],
    ];
    expect(await seenAfter(60_000, held)).toEqual(seen(0, 60_000));
    expect(await seenAfter(4_999, held)).toEqual(seen(4_999, 64_999));
    expect(await seenAfter(10_000, lost)).toEqual(seen(14_999, 74_999));
  });

  it('of a lease without an end only says that it holds', async () => {
    const lane = await seedLane(store);
    await put(store, lane);
    const [task] = await take(store, [lane]);
    expect(await store.pull.heartbeat({ claims: [claimOf(task!, lane)], worker: null })).toEqual(['done']);
    expect(await rowOf(store, task!.id)).toMatchObject({ leaseUntil: null });
  });
}
