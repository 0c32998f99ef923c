import { describe, expect, it } from 'vitest';
import { AttemptRow } from '../../src/store/entities/attempt.entity.js';
import { AuditEntryRow } from '../../src/store/entities/audit-entry.entity.js';
import { CallbackRow } from '../../src/store/entities/callback.entity.js';
import { TaskResultRow } from '../../src/store/entities/task-result.entity.js';
import { SWEEP_ROWS } from '../../src/store/procedures/task.procedures.js';
import type { TestStore } from '../support/store-factory.js';
import { laneRow, lease, range, seedBatch, seedLane, seedTenant, type SeededLane } from '../support/store-seeds.js';
import {
  claimOf,
  completionOf,
  failureOf,
  idsOf,
  MAX_TRIES,
  newTask,
  put,
  putApart,
  rowOf,
  stateOf,
  take,
} from '../support/task-seeds.js';

/** How tasks end from outside. */
export function exerciseStoreStops(store: TestStore): void {
  describe('a cancel', () => exerciseCancel(store));
  describe('an expiry', () => exerciseExpiry(store));
  describe('a clearing', () => exerciseClearing(store));
  describe('reading', () => exerciseReads(store));
}

function exerciseCancel(store: TestStore): void {
  const cancel = ({ tenantSeq }: SeededLane, ids: string[], by: string | null = null, late?: string) =>
    store.singles.cancel(ids.map((id) => ({ key: { id }, tenantSeq, by, isTimeOut: id === late })));

  it('ends what waits and what runs, tells its dispatcher, and its callback', async () => {
    const lane = await seedLane(store);
    const scheduled = await put(store, lane, { availableAt: store.clock.now() + 1_000 });
    const pulled = await put(store, lane);
    await take(store, [lane]);
    const dispatched = await put(store, lane);
    const [held] = await lease(store, lane, 1);
    const ready = await put(store, lane, { callbackUrl: 'http://receiver.test/x' });
    const ids = [scheduled, pulled, dispatched, ready];
    const { outcomes, aftermath } = await cancel(lane, ids, null, ready);
    expect(outcomes).toEqual(Array(4).fill('cancelled'));
    expect(aftermath).toMatchObject({ endedIds: ids, abortedSeqs: [held!.seq], hasCallbacks: true });
    for (const id of ids) expect(await stateOf(store, id)).toBe('cancelled');
    expect(await store.reader.count(CallbackRow)).toBe(1);
    expect(await laneRow(store, lane)).toMatchObject({ cancelledCount: 4 });
    expect(await store.reader.findBy(TaskResultRow, { errorCode: 'cancelled' })).toHaveLength(3);
    expect(await store.reader.findBy(TaskResultRow, { errorCode: 'timeout' })).toHaveLength(1);
  });

  it('changes nothing that has ended, is of a batch, or of somebody else', async () => {
    const lane = await seedLane(store);
    const batch = await seedBatch(store, lane, 1);
    const [done, foreign] = await putApart(store, [lane, lane]);
    await take(store, [lane], { size: 5 });
    await store.pull.complete([completionOf({ id: done!, epoch: null }, lane)]);
    const { tenantSeq } = lane;
    const { outcomes } = await store.singles.cancel([
      { key: { id: done! }, tenantSeq, by: null },
      { key: { batchId: batch.id, line: 1 }, tenantSeq, by: null },
      { key: { id: foreign! }, tenantSeq: await seedTenant(store), by: null },
    ]);
    expect(outcomes).toEqual(['ended_before', 'is_line', 'unknown']);
    expect(await stateOf(store, foreign!)).toBe('leased');
  });

  it('and a completion at once: one of them wins', async () => {
    const lane = await seedLane(store);
    const ids = await putApart(store, Array(20).fill(lane));
    const held = await take(store, [lane], { size: 20 });
    const results = await Promise.all(
      held.flatMap((task, index) => {
        const acts = [
          async () => ['cancelled', (await cancel(lane, [task.id])).outcomes[0] === 'cancelled'],
          async () => ['completed', (await store.pull.complete([completionOf(task, lane)])).outcomes[0] === 'done'],
        ];
        return (index % 2 ? acts : acts.toReversed()).map(async (act) => [task.id, ...(await act())]);
      }),
    );
    for (const id of ids) {
      const winners = results.filter(([of, , isWinner]) => of === id && isWinner).map(([, state]) => state);
      expect(winners).toEqual([await stateOf(store, id)]);
    }
  });

  it('by a person is in the audit log', async () => {
    const lane = await seedLane(store);
    const [first, second] = await putApart(store, [lane, lane]);
    await cancel(lane, [first!], 'key_7');
    await cancel(lane, [second!], null);
    expect(await store.reader.find(AuditEntryRow)).toMatchObject([
      { actor: 'key_7', action: 'task.cancel', subject: first, tenantSeq: lane.tenantSeq },
    ]);
  });
}

function exerciseExpiry(store: TestStore): void {
  it('ends what waits and what runs, when the time has come and not before', async () => {
    const lane = await seedLane(store);
    const ids = [await put(store, lane, { ttlMs: 1_000 }), await put(store, lane, { ttlMs: 1_000 })];
    const long = await put(store, lane, { ttlMs: 1_001 });
    const [held] = await take(store, [lane], { size: 1 });
    store.clock.advance(999);
    expect(await store.pull.hasExpired()).toBe(false);
    store.clock.advance(1);
    expect(await store.pull.hasExpired()).toBe(true);
    const { aftermath, isMore } = await store.pull.expire();
    expect([aftermath.endedIds.toSorted(), isMore]).toEqual([ids.toSorted(), false]);
    for (const id of ids) expect(await stateOf(store, id)).toBe('expired');
    expect(await stateOf(store, long)).toBe('ready');
    expect(await laneRow(store, lane)).toMatchObject({ expiredCount: 2 });
    const lost = { taskSeq: held!.seq, epoch: held!.epoch, outcome: 'lost', startedAt: store.clock.now() - 1_000 };
    expect(await store.reader.find(AttemptRow)).toMatchObject([lost]);
  });

  it('tells the dispatcher that runs it', async () => {
    const lane = await seedLane(store);
    await put(store, lane, { ttlMs: 1_000 });
    const [held] = await lease(store, lane, 1);
    store.clock.advance(1_000);
    expect((await store.pull.expire()).aftermath.abortedSeqs).toEqual([held!.seq]);
  });

  it('may be one of very many: at most 2,000 a step', async () => {
    const lane = await seedLane(store);
    for (const _ of range(1, 5)) await store.singles.put(range(1, 401).map(() => newTask(lane, { ttlMs: 1 })));
    store.clock.advance(1);
    const steps = [await store.pull.expire(), await store.pull.expire()];
    expect(steps.map(({ isMore }) => isMore)).toEqual([true, false]);
    expect(steps.map(({ aftermath }) => aftermath.endedIds.length)).toEqual([SWEEP_ROWS, 5]);
  });
}

function exerciseClearing(store: TestStore): void {
  async function clear(lane: SeededLane): Promise<number> {
    await store.pull.clear(lane.laneSeq, 'key_7');
    return (await store.pull.cancelCleared(lane.laneSeq)).cancelled;
  }

  it('takes away all that waits, and nothing that runs or comes later', async () => {
    const lane = await seedLane(store);
    const scheduled = await put(store, lane, { availableAt: store.clock.now() + 1_000 });
    const [held] = [await put(store, lane)];
    await take(store, [lane]);
    const ready = await put(store, lane);
    await store.pull.clear(lane.laneSeq, 'key_7');
    const later = await put(store, lane);
    expect(idsOf(await take(store, [lane]))).toEqual([later]);
    const { cancelled, aftermath } = await store.pull.cancelCleared(lane.laneSeq);
    expect(cancelled).toBe(2);
    expect(aftermath.endedIds.toSorted()).toEqual([scheduled, ready].toSorted());
    expect(await stateOf(store, scheduled)).toBe('cancelled');
    expect(await stateOf(store, held)).toBe('leased');
    expect(await store.reader.find(AuditEntryRow)).toMatchObject([{ action: 'queue.clear', actor: 'key_7' }]);
  });

  it('takes away what comes back later, too', async () => {
    const lane = await seedLane(store);
    await put(store, lane);
    const [held] = await take(store, [lane]);
    expect(await clear(lane)).toBe(0);
    expect(await store.pull.unclearedLanes()).toEqual([]);
    await store.pull.release([claimOf(held!, lane)]);
    expect(await take(store, [lane])).toEqual([]);
    expect(await store.pull.unclearedLanes()).toEqual([lane.laneSeq]);
    expect(await store.pull.cancelCleared(lane.laneSeq)).toMatchObject({ cancelled: 1, isMore: false });
    expect(await store.pull.unclearedLanes()).toEqual([]);
  });

  it('is of one level', async () => {
    const lane = await seedLane(store);
    const online = await seedLane(store, 0, lane);
    await putApart(store, [lane, online]);
    expect(await clear(lane)).toBe(1);
    expect(await take(store, [lane, online])).toHaveLength(1);
  });

  it('ends lines of a batch, and with the last one the batch', async () => {
    const lane = await seedLane(store);
    const batch = await seedBatch(store, lane, 3);
    const [held] = await take(store, [lane], { size: 1 });
    expect(await clear(lane)).toBe(2);
    const line = { ...completionOf({ id: '', epoch: held!.epoch }, lane), key: { batchId: batch.id, line: 1 } };
    expect((await store.pull.complete([line])).aftermath.doneBatchSeqs).toEqual([batch.seq]);
    expect(await store.batches.bySeq(batch.seq)).toMatchObject({ completed: 1, failed: 2, state: 'finalizing' });
  });

  it('leaves lines of a stopped batch to the sweep that settles them', async () => {
    const lane = await seedLane(store);
    const batch = await seedBatch(store, lane, 3);
    await store.batches.cancel(lane.tenantSeq, batch.id);
    expect(await clear(lane)).toBe(0);
    expect(await store.pull.unclearedLanes()).toEqual([]);
  });
}

function exerciseReads(store: TestStore): void {
  it('finds single tasks and lines by their ids, in the order asked for', async () => {
    const lane = await seedLane(store);
    const batch = await seedBatch(store, lane, 3);
    const id = await put(store, lane);
    const seqs = await store.singles.seqsOf([
      { batchId: batch.id, line: 2 },
      { id: 'task_x' },
      { id },
      { batchId: batch.id, line: 9 },
      { batchId: 'batch_x', line: 1 },
    ]);
    expect(seqs.map((seq) => seq === null)).toEqual([false, true, false, true, true]);
    const tasks = await store.singles.bySeqs([seqs[0]!, seqs[2]!], lane.tenantSeq, true);
    expect(tasks).toMatchObject([
      { batchId: batch.id, line: 2, customId: 'custom-2', level: 1, body: null },
      { id, batchId: null, body: '{"model":"m"}', resultSeq: null },
    ]);
  });

  it('shows nobody what belongs to somebody else', async () => {
    const lane = await seedLane(store);
    const { seq } = await rowOf(store, await put(store, lane));
    expect(await store.singles.bySeqs([seq], await seedTenant(store), true)).toEqual([]);
    expect(await store.singles.page(await seedTenant(store), null, 10)).toEqual([]);
  });

  it('pages through the tasks of a tenant, newest first, with what a list is filtered by', async () => {
    const lane = await seedLane(store);
    const other = { ...(await seedLane(store)), tenantSeq: lane.tenantSeq };
    const startAt = store.clock.now();
    const ids = await putApart(store, [lane, other, lane, other, lane]);
    await seedBatch(store, lane, 3);
    await take(store, [other], { size: 1 });
    const page = await store.singles.page(lane.tenantSeq, null, 10);
    const listed = [lane, other, lane, other, lane].map(({ queueSeq }, n) => {
      return { id: ids[n], line: null, queueSeq, state: n === 1 ? 2 : 1, enqueuedAt: startAt + n };
    });
    expect(page).toMatchObject(listed.toReversed());
    expect(await store.singles.page(lane.tenantSeq, page[1]!.seq, 2)).toEqual(page.slice(2, 4));
  });

  it('pages through the lines of a batch', async () => {
    const lane = await seedLane(store);
    const batch = await seedBatch(store, lane, 5);
    const first = await store.singles.linePage(batch.seq, null, 3);
    const second = await store.singles.linePage(batch.seq, first.at(-1)!.seq, 3);
    expect([first, second].map((page) => page.map(({ line }) => line))).toEqual([
      [5, 4, 3],
      [2, 1],
    ]);
    expect(first[0]).toMatchObject({ id: null, queueSeq: lane.queueSeq, state: 1 });
  });

  it('tells which tasks have ended, and with what', async () => {
    const lane = await seedLane(store);
    const [first, second] = await putApart(store, [lane, lane]);
    const [task] = await take(store, [lane], { size: 1 });
    const keys = [{ id: second! }, { id: first! }, { id: 'task_unknown' }];
    expect(await store.singles.endedOf(keys)).toEqual([null, null, null]);
    await store.pull.complete([completionOf(task!, lane)]);
    expect(await store.singles.endedOf(keys)).toEqual([null, task!.seq, null]);
    expect(await store.singles.bySeqs([task!.seq], null, true)).toMatchObject([
      { statusCode: 200, resultBody: '{"answer":1}', requestId: 'req_1', resultSeq: task!.seq },
    ]);
  });

  it('tells who holds what', async () => {
    const lane = await seedLane(store);
    await putApart(store, [lane, lane, lane]);
    const worker = (name: string) => ({ tenantSeq: lane.tenantSeq, name, capacity: null });
    await take(store, [lane], { size: 2, worker: worker('a'), leaseMs: 5_000 });
    store.clock.advance(1_000);
    await take(store, [lane], { size: 1, worker: worker('b') });
    const workers = await store.pull.workers(lane.tenantSeq);
    expect(workers.map(({ name }) => name)).toEqual(['b', 'a']);
    const held = await store.pull.heldByWorkers(lane.tenantSeq);
    expect(held).toMatchObject([
      { workerSeq: workers[1]!.seq, count: 2, level: 1, nextLeaseEnd: store.clock.now() + 4_000 },
      { workerSeq: workers[0]!.seq, count: 1, level: 1, nextLeaseEnd: null },
    ]);
    expect(await store.pull.heldByWorkers(await seedTenant(store))).toEqual([]);
  });

  it('tells of each attempt who made it', async () => {
    const lane = await seedLane(store);
    await put(store, lane);
    const [task] = await take(store, [lane], { worker: { tenantSeq: lane.tenantSeq, name: 'a', capacity: 1 } });
    await store.pull.fail([failureOf(task!, lane, { defaultMaxTries: MAX_TRIES })]);
    expect(await store.singles.attempts([task!.seq], 9)).toMatchObject([
      { epoch: 1, workerName: 'a', outcome: 'failed' },
    ]);
  });
  it('tells of the last attempts of each task, and how many there were', async () => {
    const attempt = { taskSeq: 7, startedAt: 1, endedAt: 2, outcome: 'lost' };
    const rows = range(1, 1010).map((epoch) => ({ ...attempt, epoch }));
    await store.byHand.insert(AttemptRow, [...rows, { ...attempt, taskSeq: 8, epoch: 1 }]);
    const told = await store.singles.attempts([7, 8, 9], 2);
    expect(told.map(({ taskSeq, epoch, total }) => [taskSeq, epoch, total])).toEqual([
      [7, 1009, 1010],
      [7, 1010, 1010],
      [8, 1, 1],
    ]);
  });
}
