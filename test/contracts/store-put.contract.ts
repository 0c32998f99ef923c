import { describe, expect, it } from 'vitest';
import { TaskBodyRow } from '../../src/store/entities/task-body.entity.js';
import { TaskRow } from '../../src/store/entities/task.entity.js';
import { IDEMPOTENCY_TTL_MS } from '../../src/store/procedures/idempotency.js';
import type { NewTask, PutOutcome, PutTask } from '../../src/store/procedures/single-shapes.js';
import type { TestStore } from '../support/store-factory.js';
import {
  laneRow,
  lease,
  OWNER_SEQ,
  range,
  seedBatch,
  seedLane,
  seedTenant,
  setPaused,
  type SeededLane,
} from '../support/store-seeds.js';
import {
  completionOf,
  failureOf,
  idsOf,
  newTask,
  put,
  refusalOf,
  rowOf,
  setQueue,
  stateOf,
  take,
  TTL_MS,
} from '../support/task-seeds.js';

/** How single tasks come in. */
export function exerciseStorePuts(store: TestStore): void {
  describe('a put', () => exercisePut(store));
  describe('a put for whom its lane is leased', () => exerciseLeases(store));
  describe('an Idempotency-Key', () => exerciseKeys(store));
  describe('an Idempotency-Key of many', () => exerciseBulkKeys(store));
  describe('a queue that is full', () => exerciseDepth(store));
}

function exercisePut(store: TestStore): void {
  it('stores the task as ready, with its body', async () => {
    const lane = await seedLane(store);
    const id = await put(store, lane, { body: '{"n":12345678901234567890}', traceId: 't', callbackUrl: 'http://x/y' });
    const row = await rowOf(store, id);
    expect(row).toMatchObject({
      state: 1,
      mode: 'callback',
      laneSeq: lane.laneSeq,
      traceId: 't',
      callbackUrl: 'http://x/y',
      keyId: 'key_1',
      epoch: 0,
      tries: 0,
      enqueuedAt: store.clock.now(),
      expiresAt: store.clock.now() + TTL_MS,
      batchSeq: null,
    });
    expect(await store.reader.findOneByOrFail(TaskBodyRow, { taskSeq: row.seq })).toMatchObject({
      body: '{"n":12345678901234567890}',
      blobKey: null,
    });
    expect(await laneRow(store, lane)).toMatchObject({ putCount: 1 });
  });

  it('of many answers for each, in their order, and keeps it', async () => {
    const lane = await seedLane(store);
    const tasks = range(1, 300).map((n) => newTask(lane, { body: `${n}` }));
    const outcomes = await store.singles.put(tasks);
    const enqueuedAt = store.clock.now();
    expect(outcomes).toEqual(tasks.map(({ id }) => ({ kind: 'put', id, enqueuedAt, isReady: true, leased: null })));
    const rows = await store.reader.find(TaskRow, { order: { seq: 'asc' } });
    expect(rows.map(({ id }) => id)).toEqual(tasks.map(({ id }) => id));
    expect(await laneRow(store, lane)).toMatchObject({ putCount: 300 });
  });

  it('with a time to wait for is scheduled, until then', async () => {
    const lane = await seedLane(store);
    const at = store.clock.now() + 5_000;
    const id = await put(store, lane, { availableAt: at });
    expect(await rowOf(store, id)).toMatchObject({ state: 0, availableAt: at });
    expect(await take(store, [lane])).toEqual([]);
    store.clock.advance(5_000);
    expect(await store.tasks.promote()).toMatchObject({ laneSeqs: [lane.laneSeq] });
    expect(idsOf(await take(store, [lane]))).toEqual([id]);
  });

  it('with a time that is past is ready', async () => {
    const lane = await seedLane(store);
    const id = await put(store, lane, { availableAt: store.clock.now() });
    expect(await rowOf(store, id)).toMatchObject({ state: 1, availableAt: null });
  });

  it('into a queue that was deleted meanwhile is refused, and only that one', async () => {
    const lane = await seedLane(store);
    const outcomes = await Promise.all([
      store.singles.put([newTask({ ...lane, laneSeq: 987_654 })]),
      store.singles.put([newTask(lane)]),
    ]);
    expect(outcomes.flat().map(refusalOf)).toEqual(['queue_not_found', null]);
    expect(await store.reader.count(TaskRow)).toBe(1);
  });

  it('is leased by a dispatcher like any other task', async () => {
    const lane = await seedLane(store);
    await put(store, lane);
    expect(await lease(store, lane, 5)).toMatchObject([{ batchSeq: null, epoch: 1 }]);
  });
}

function exerciseLeases(store: TestStore): void {
  const LEASE = { lease: { ownerSeq: OWNER_SEQ, isUntyped: false } };

  async function putLeased(...tasks: NewTask[]): Promise<PutTask[]> {
    const outcomes = await Promise.all(tasks.map((task) => store.singles.put([task])));
    return outcomes.flat().map((outcome) => {
      if (outcome.kind !== 'put') throw new Error(`not put: ${JSON.stringify(outcome)}`);
      return outcome;
    });
  }

  it('is given its own task when nothing is ahead, in the same transaction', async () => {
    const lane = await seedLane(store);
    const task = newTask(lane, LEASE);
    const [outcome] = await putLeased(task);
    const row = await rowOf(store, task.id);
    expect(row).toMatchObject({ state: 2, epoch: 1, ownerSeq: OWNER_SEQ, leasedAt: store.clock.now() });
    expect(outcome).toEqual({
      kind: 'put',
      id: task.id,
      enqueuedAt: row.enqueuedAt,
      isReady: false,
      leased: { seq: row.seq, id: task.id, epoch: 1, batchSeq: null, bodyOffset: null, bodyLength: null, tries: 0 },
    });
    expect(await laneRow(store, lane)).toMatchObject({ putCount: 1, takenCount: 1 });
    expect(await lease(store, lane, 10)).toEqual([]);
  });

  it('is given what is ahead of it, and waits itself', async () => {
    const lane = await seedLane(store);
    const first = await put(store, lane);
    const task = newTask(lane, LEASE);
    const [outcome] = await putLeased(task);
    expect(outcome).toMatchObject({ isReady: true, leased: { id: first } });
    expect(await stateOf(store, task.id)).toBe('ready');
    expect(await stateOf(store, first)).toBe('leased');
  });

  it('with others in one group gives each the next of its lane', async () => {
    const [one, other] = [await seedLane(store), await seedLane(store)];
    const tasks = [newTask(one, LEASE), newTask(other, LEASE), newTask(one), newTask(one, LEASE)];
    const outcomes = await putLeased(...tasks);
    const ids = tasks.map(({ id }) => id);
    expect(outcomes.map(({ leased }) => leased?.id ?? null)).toEqual([ids[0], ids[1], null, ids[2]]);
    expect(outcomes.map(({ isReady }) => isReady)).toEqual([false, false, false, true]);
  });

  it('is given nothing while the queue is paused', async () => {
    const lane = await seedLane(store);
    await setPaused(store, lane, true);
    const [outcome] = await putLeased(newTask(lane, LEASE));
    expect(outcome).toMatchObject({ isReady: true, leased: null });
  });

  it('is given no more than the limit of the queue leaves', async () => {
    const lane = await seedLane(store);
    await setQueue(store, lane, { maxConcurrency: 1 });
    const outcomes = await putLeased(newTask(lane, LEASE), newTask(lane, LEASE));
    expect(outcomes.map(({ leased }) => leased !== null)).toEqual([true, false]);
  });

  it('leaves tasks with a type to the handlers of the queue', async () => {
    const lane = await seedLane(store);
    await put(store, lane, { type: 'resize' });
    const task = newTask(lane, { lease: { ownerSeq: OWNER_SEQ, isUntyped: true } });
    const [outcome] = await putLeased(task);
    expect(outcome).toMatchObject({ isReady: false, leased: { id: task.id } });
  });

  it('that is refused, or said again, is given nothing', async () => {
    const lane = await seedLane(store);
    const idempotency = { key: 'k', requestHash: 'h' };
    await put(store, lane, { idempotency });
    const again = { ...LEASE, idempotency };
    const other = { ...LEASE, idempotency: { key: 'k', requestHash: 'other' } };
    expect(await store.singles.put([newTask(lane, again)])).toMatchObject([{ kind: 'replay' }]);
    expect(await store.singles.put([newTask(lane, other)])).toMatchObject([{ kind: 'refused' }]);
    expect(await laneRow(store, lane)).toMatchObject({ putCount: 1, takenCount: 0 });
  });
}

function exerciseKeys(store: TestStore): void {
  const keyed = (lane: SeededLane, requestHash = 'h', key = 'k') =>
    newTask(lane, { idempotency: { key, requestHash } });

  it('that comes again with the same request gives the same task', async () => {
    const lane = await seedLane(store);
    const first = keyed(lane);
    await store.singles.put([first]);
    expect(await store.singles.put([keyed(lane)])).toEqual([{ kind: 'replay', id: first.id }]);
    expect(await store.reader.count(TaskRow)).toBe(1);
  });

  it('gives the same task also when both come at once, or in one call', async () => {
    const lane = await seedLane(store);
    const outcomes = await Promise.all(range(1, 20).map(() => store.singles.put([keyed(lane), keyed(lane)])));
    const ids = new Set(outcomes.flat().map((outcome) => 'id' in outcome && outcome.id));
    expect(ids.size).toBe(1);
    expect(outcomes.flat().filter(({ kind }) => kind === 'put')).toHaveLength(1);
  });

  it('with another request is refused', async () => {
    const lane = await seedLane(store);
    const outcomes = await store.singles.put([keyed(lane), keyed(lane, 'other')]);
    expect(outcomes.map(refusalOf)).toEqual([null, 'idempotency_key_reused']);
  });

  it('is forgotten after a day', async () => {
    const lane = await seedLane(store);
    await store.singles.put([keyed(lane)]);
    store.clock.advance(IDEMPOTENCY_TTL_MS - 1);
    expect(await store.singles.put([keyed(lane)])).toMatchObject([{ kind: 'replay' }]);
    store.clock.advance(1);
    const again = keyed(lane, 'other');
    expect(await store.singles.put([again])).toMatchObject([{ kind: 'put', id: again.id }]);
    expect(await store.singles.put([keyed(lane, 'other')])).toMatchObject([{ kind: 'replay', id: again.id }]);
  });

  it('is free again when its task is forgotten', async () => {
    const lane = await seedLane(store);
    const [first, second, third] = [keyed(lane), keyed(lane, 'other'), keyed(lane)];
    await store.singles.put([first]);
    await store.pull.fail([failureOf((await take(store, [lane]))[0]!, lane, { isFinal: true })]);
    expect(await store.singles.put([keyed(lane)])).toEqual([{ kind: 'replay', id: first.id }]);
    await store.deadLetters.drop({ ids: [first.id], tenantSeq: lane.tenantSeq, by: 'key_7' });
    const outcomes = await store.singles.put([second, keyed(lane, 'other'), keyed(lane)]);
    expect(outcomes).toMatchObject([{ kind: 'put', id: second.id }, { kind: 'replay', id: second.id }, {}]);
    expect(refusalOf(outcomes[2])).toBe('idempotency_key_reused');
    const [task] = await take(store, [lane]);
    await store.pull.complete([completionOf(task!, lane)]);
    expect(await store.singles.put([keyed(lane, 'other')])).toEqual([{ kind: 'replay', id: second.id }]);
    await store.retention.forgetTasks([task!.seq]);
    expect(await store.singles.put([third])).toMatchObject([{ kind: 'put', id: third.id }]);
  });

  it('is of one tenant', async () => {
    const lane = await seedLane(store);
    const other = { ...lane, tenantSeq: await seedTenant(store) };
    const outcomes = await store.singles.put([keyed(lane), keyed(other, 'other')]);
    expect(outcomes.map(({ kind }) => kind)).toEqual(['put', 'put']);
  });

  it('of a put that was refused is not kept', async () => {
    const lane = await seedLane(store);
    await setQueue(store, lane, { maxDepth: 0 });
    expect((await store.singles.put([keyed(lane)])).map(refusalOf)).toEqual(['queue_full']);
    await setQueue(store, lane, { maxDepth: null });
    expect(await store.singles.put([keyed(lane, 'other')])).toMatchObject([{ kind: 'put' }]);
  });
}

function exerciseBulkKeys(store: TestStore): void {
  const putBulk = (lane: SeededLane, places = [0, 1, 2], requestHash = 'hash') =>
    store.singles.put(
      places.map(() => newTask(lane)),
      { key: 'bulk', requestHash, places },
    );
  const idsIn = (outcomes: readonly PutOutcome[]) => outcomes.map((outcome) => ('id' in outcome ? outcome.id : null));

  it('makes each task once, of calls one after the other and at once', async () => {
    const lane = await seedLane(store);
    const first = await putBulk(lane);
    expect(first.map(({ kind }) => kind)).toEqual(['put', 'put', 'put']);
    const again = await Promise.all([putBulk(lane), putBulk(lane)]);
    for (const outcomes of again) {
      expect(outcomes.map(({ kind }) => kind)).toEqual(['replay', 'replay', 'replay']);
      expect(idsIn(outcomes)).toEqual(idsIn(first));
    }
    const other = await seedLane(store);
    const atOnce = await Promise.all(range(1, 8).map(() => putBulk(other)));
    expect(new Set(atOnce.map((outcomes) => idsIn(outcomes).join())).size).toBe(1);
    expect(await laneRow(store, other)).toMatchObject({ putCount: 3 });
  });

  it('with another request refuses all of it, also what stands in other places', async () => {
    const lane = await seedLane(store);
    await putBulk(lane);
    const outcomes = await putBulk(lane, [0, 1, 2, 3, 4], 'other');
    expect(outcomes.map(refusalOf)).toEqual(Array(5).fill('idempotency_key_reused'));
    expect(await laneRow(store, lane)).toMatchObject({ putCount: 3 });
  });

  it('tries again what was refused, and keeps the places of those that are left out', async () => {
    const lane = await seedLane(store);
    await setQueue(store, lane, { maxDepth: 2 });
    const first = await putBulk(lane, [1, 2, 5]);
    expect(first.map(refusalOf)).toEqual([null, null, 'queue_full']);
    expect((await putBulk(lane, [1, 2, 5])).map(refusalOf)).toEqual([null, null, 'queue_full']);
    await setQueue(store, lane, { maxDepth: null });
    const second = await putBulk(lane, [0, 1, 2, 5]);
    expect(second.map(({ kind }) => kind)).toEqual(['put', 'replay', 'replay', 'put']);
    expect(idsIn(second).slice(1, 3)).toEqual(idsIn(first).slice(0, 2));
    expect(idsIn(await putBulk(lane, [0, 1, 2, 5]))).toEqual(idsIn(second));
  });

  it('is not kept where all is refused, and forgotten after a day', async () => {
    const lane = await seedLane(store);
    await setQueue(store, lane, { maxDepth: 0 });
    await putBulk(lane);
    await setQueue(store, lane, { maxDepth: null });
    expect((await putBulk(lane, [0], 'other')).map(({ kind }) => kind)).toEqual(['put']);
    store.clock.advance(IDEMPOTENCY_TTL_MS);
    expect((await putBulk(lane)).map(({ kind }) => kind)).toEqual(['put', 'put', 'put']);
    expect((await putBulk(lane)).map(({ kind }) => kind)).toEqual(['replay', 'replay', 'replay']);
  });

  it('is no key of a single put, and of one tenant', async () => {
    const lane = await seedLane(store);
    await putBulk(lane);
    const single = newTask(lane, { idempotency: { key: 'bulk', requestHash: 'x' } });
    expect(await store.singles.put([single])).toMatchObject([{ kind: 'put' }]);
    const foreign = { ...lane, tenantSeq: await seedTenant(store) };
    expect((await putBulk(foreign, [0], 'other')).map(({ kind }) => kind)).toEqual(['put']);
  });
}

function exerciseDepth(store: TestStore): void {
  it('takes what it has room for, of one call and of many', async () => {
    const lane = await seedLane(store);
    await setQueue(store, lane, { maxDepth: 5 });
    const first = await store.singles.put(range(1, 3).map(() => newTask(lane)));
    expect(first.map(refusalOf)).toEqual([null, null, null]);
    const rest = await Promise.all(range(1, 4).map(() => store.singles.put([newTask(lane)])));
    expect(rest.flat().map(refusalOf)).toEqual([null, null, 'queue_full', 'queue_full']);
    expect(rest[3]).toMatchObject([{ error: { retryAfterMs: 1000, message: expect.stringContaining('5 tasks') } }]);
  });

  it('counts all its levels, and what is scheduled', async () => {
    const lane = await seedLane(store);
    const other = await seedLane(store, 0, lane);
    await setQueue(store, lane, { maxDepth: 2 });
    await put(store, lane);
    await put(store, other, { availableAt: store.clock.now() + 1_000 });
    expect((await store.singles.put([newTask(other)])).map(refusalOf)).toEqual(['queue_full']);
  });

  it('has room again when tasks are taken, cancelled or gone', async () => {
    const lane = await seedLane(store);
    await setQueue(store, lane, { maxDepth: 1 });
    const isFull = async () => refusalOf((await store.singles.put([newTask(lane)]))[0]) === 'queue_full';
    expect(await isFull()).toBe(false);
    expect(await isFull()).toBe(true);
    await take(store, [lane]);
    const id = await put(store, lane);
    await store.singles.cancel([{ key: { id }, tenantSeq: lane.tenantSeq, by: null }]);
    expect(await stateOf(store, id)).toBe('cancelled');
    expect(await isFull()).toBe(false);
    expect(await isFull()).toBe(true);
  });

  it('counts lines of batches, but never refuses them', async () => {
    const lane = await seedLane(store);
    await setQueue(store, lane, { maxDepth: 3 });
    await seedBatch(store, lane, 10);
    expect((await store.singles.put([newTask(lane)])).map(refusalOf)).toEqual(['queue_full']);
  });
}
