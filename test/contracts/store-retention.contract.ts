import { describe, expect, it } from 'vitest';
import { newId } from '../../src/kernel/ids.js';
import { AttemptRow } from '../../src/store/entities/attempt.entity.js';
import { AuditEntryRow } from '../../src/store/entities/audit-entry.entity.js';
import { BatchRow } from '../../src/store/entities/batch.entity.js';
import { CallbackAttemptRow } from '../../src/store/entities/callback-attempt.entity.js';
import { CallbackRow } from '../../src/store/entities/callback.entity.js';
import { IdempotencyKeyRow } from '../../src/store/entities/idempotency-key.entity.js';
import { InstanceRow } from '../../src/store/entities/instance.entity.js';
import { QueueRow } from '../../src/store/entities/queue.entity.js';
import { TaskAliasRow } from '../../src/store/entities/task-alias.entity.js';
import { TaskBodyRow } from '../../src/store/entities/task-body.entity.js';
import { TaskEventRow } from '../../src/store/entities/task-event.entity.js';
import { TaskResultRow } from '../../src/store/entities/task-result.entity.js';
import { TaskRow } from '../../src/store/entities/task.entity.js';
import { WorkerRow } from '../../src/store/entities/worker.entity.js';
import { SWEEP_ROWS } from '../../src/store/procedures/task.procedures.js';
import { TASKS_PER_STEP } from '../../src/store/retention.store.js';
import type { TestStore } from '../support/store-factory.js';
import { answerTo, lease, range, seedBatch, seedLane, type SeededLane } from '../support/store-seeds.js';

/** What was kept long enough is forgotten, a bounded piece at a time, and nothing else is. */
export function exerciseStoreRetention(store: TestStore): void {
  describe('forgetting the lines of a batch', () => exerciseLines(store));
  describe('forgetting single tasks', () => exerciseSingles(store));
  describe('forgetting callbacks', () => exerciseCallbacks(store));
  describe('forgetting by age', () => exerciseAges(store));
}

async function seedEnded(store: TestStore, lane: SeededLane, total: number): Promise<BatchRow> {
  const batch = await seedBatch(store, lane, total);
  for (const task of await lease(store, lane, total)) await store.tasks.finish(answerTo(task, lane));
  await store.batches.finish({ batchSeq: batch.seq, outcome: 'completed', output: null, error: null });
  return store.batches.bySeq(batch.seq);
}

function exerciseLines(store: TestStore): void {
  it('begins when the batch has ended for so long, to the millisecond', async () => {
    const lane = await seedLane(store);
    await seedBatch(store, lane, 1);
    const ended = await seedEnded(store, await seedLane(store), 1);
    expect(ended.endedAt).toBe(store.clock.now());
    expect(await store.retention.outlivedBatches(ended.endedAt! - 1)).toEqual([]);
    expect(await store.retention.outlivedBatches(ended.endedAt!)).toEqual([ended.seq]);
  });

  it.each(['failed', 'expired', 'cancelled'] as const)('comes to a batch that %s as well', async (end) => {
    const batch = await seedBatch(store, await seedLane(store), 0);
    if (end === 'failed') await store.batches.fail(batch.seq, '[]');
    if (end === 'expired') {
      store.clock.advance(batch.expiresAt - store.clock.now());
      await store.batches.expire(batch.seq);
    }
    if (end === 'cancelled') {
      await store.batches.cancel(batch.tenantSeq, batch.id);
      await store.batches.finish({ batchSeq: batch.seq, outcome: 'cancelled', output: null, error: null });
    }
    expect(await store.batches.bySeq(batch.seq)).toMatchObject({ state: end, endedAt: store.clock.now() });
  });

  it('goes in steps, takes results and attempts along, and leaves the batch with its counts', async () => {
    const lane = await seedLane(store);
    const batch = await seedEnded(store, lane, TASKS_PER_STEP + 3);
    const other = await seedEnded(store, lane, 2);
    const [first] = await store.retention.linesOf(batch.seq);
    await store.byHand.insert(AttemptRow, { taskSeq: first!, epoch: 1, endedAt: 1, outcome: 'failed' });
    for (const size of [TASKS_PER_STEP, 3]) {
      expect(await store.retention.clearBatch(batch.seq)).toBe(false);
      const lines = await store.retention.linesOf(batch.seq);
      expect(await store.retention.forgetTasks(lines)).toEqual({ tasks: size, blobKeys: [] });
    }
    expect(await store.retention.linesOf(batch.seq)).toEqual([]);
    expect(await store.retention.clearBatch(batch.seq)).toBe(true);
    expect(await store.retention.clearBatch(batch.seq)).toBe(false);
    expect(await store.retention.outlivedBatches(store.clock.now())).toEqual([other.seq]);
    expect(await store.reader.countBy(TaskResultRow, {})).toBe(2);
    expect(await store.reader.countBy(TaskRow, {})).toBe(2);
    expect(await store.reader.countBy(AttemptRow, {})).toBe(0);
    expect(await store.batches.find(batch.tenantSeq, batch.id)).toMatchObject({
      state: 'completed',
      completed: TASKS_PER_STEP + 3,
      clearedAt: store.clock.now(),
    });
  });

  it('comes before the batch itself goes', async () => {
    const [cleared, uncleared] = [
      await seedEnded(store, await seedLane(store), 1),
      await seedEnded(store, await seedLane(store), 1),
    ];
    await store.retention.forgetTasks(await store.retention.linesOf(cleared.seq));
    await store.retention.clearBatch(cleared.seq);
    await store.retention.forgetOld('batches', store.clock.now() - 1);
    expect(await store.reader.countBy(BatchRow, {})).toBe(2);
    expect(await store.retention.forgetOld('batches', store.clock.now())).toBe(false);
    expect((await store.reader.find(BatchRow)).map(({ seq }) => seq)).toEqual([uncleared.seq]);
  });

  it('never takes a line that has not ended', async () => {
    const lane = await seedLane(store);
    const batch = await seedBatch(store, lane, 3);
    await lease(store, lane, 1);
    const lines = await store.retention.linesOf(batch.seq);
    expect(await store.retention.forgetTasks(lines)).toEqual({ tasks: 0, blobKeys: [] });
    expect(await store.reader.countBy(TaskRow, {})).toBe(3);
  });
}

/** A single task by hand: this contract is about its end, not about how it came there. */
async function seedSingle(store: TestStore, lane: SeededLane, over: Partial<TaskRow> = {}): Promise<number> {
  const { tenantSeq, queueSeq, laneSeq } = lane;
  const now = store.clock.now();
  const row = { id: newId('task'), tenantSeq, queueSeq, laneSeq, state: 3, mode: 'callback', enqueuedAt: now };
  const { identifiers } = await store.byHand.insert(TaskRow, { ...row, endedAt: now, ...over });
  return identifiers[0]!['seq'] as number;
}

function exerciseSingles(store: TestStore): void {
  it('finds each queue that has any, once, also one that was deleted', async () => {
    const [kept, deleted, empty] = [await seedLane(store), await seedLane(store), await seedLane(store)];
    for (const lane of [kept, kept, deleted]) await seedSingle(store, lane);
    await seedEnded(store, empty, 1);
    await seedSingle(store, empty, { state: 1, endedAt: null });
    await store.byHand.update(QueueRow, { seq: kept.queueSeq }, { resultTtlMs: 5_000 });
    await store.byHand.delete(QueueRow, { seq: deleted.queueSeq });
    expect(await store.retention.endedQueues()).toEqual([
      { queueSeq: kept.queueSeq, resultTtlMs: 5_000 },
      { queueSeq: deleted.queueSeq, resultTtlMs: null },
    ]);
  });

  it('looks at each state by itself, the longest ended first', async () => {
    const lane = await seedLane(store);
    const now = store.clock.now();
    const late = await seedSingle(store, lane, { endedAt: now });
    const early = await seedSingle(store, lane, { endedAt: now - 5 });
    const failed = await seedSingle(store, lane, { state: 4, endedAt: now - 9 });
    const find = (state: 'completed' | 'failed', before: number) =>
      store.retention.outlivedTasks(lane.queueSeq, state, before);
    expect(await find('completed', now)).toEqual([early, late]);
    expect(await find('completed', now - 5)).toEqual([early]);
    expect(await find('failed', now)).toEqual([failed]);
    expect(await find('failed', now - 10)).toEqual([]);
  });

  it('takes all that belongs to a task, and tells which blobs nobody names any more', async () => {
    const lane = await seedLane(store);
    const [task, other] = [await seedSingle(store, lane), await seedSingle(store, lane)];
    for (const taskSeq of [task, other]) {
      await store.byHand.insert(TaskBodyRow, { taskSeq, body: null, blobKey: `body_${taskSeq}` });
      await store.byHand.insert(TaskResultRow, { taskSeq, blobKey: `result_${taskSeq}` });
      await store.byHand.insert(TaskAliasRow, { dialect: 'd', scope: 's', alias: `${taskSeq}`, taskSeq });
      await store.byHand.insert(AttemptRow, { taskSeq, epoch: 1, endedAt: 1, outcome: 'failed' });
    }
    const blobKeys = [`body_${task}`, `result_${task}`];
    expect(await store.retention.forgetTasks([task])).toEqual({ tasks: 1, blobKeys });
    for (const entity of [TaskRow, TaskBodyRow, TaskResultRow, TaskAliasRow, AttemptRow]) {
      expect([entity.name, await store.reader.countBy(entity, {})]).toEqual([entity.name, 1]);
    }
  });

  it('stops where one transaction has touched enough rows', async () => {
    const lane = await seedLane(store);
    const tasks = [await seedSingle(store, lane), await seedSingle(store, lane)];
    const rows = range(1, SWEEP_ROWS).map((epoch) => ({ taskSeq: tasks[0]!, epoch, endedAt: 1, outcome: 'failed' }));
    for (let from = 0; from < rows.length; from += 500) {
      await store.byHand.insert(AttemptRow, rows.slice(from, from + 500));
    }
    expect(await store.retention.forgetTasks(tasks)).toMatchObject({ tasks: 1 });
    expect(await store.retention.forgetTasks(tasks)).toMatchObject({ tasks: 1 });
  });

  it('leaves one that was made ready again meanwhile', async () => {
    const lane = await seedLane(store);
    const task = await seedSingle(store, lane, { state: 4 });
    const [found] = await store.retention.outlivedTasks(lane.queueSeq, 'failed', store.clock.now());
    await store.byHand.update(TaskRow, { seq: task }, { state: 1, endedAt: null });
    expect(await store.retention.forgetTasks([found!])).toEqual({ tasks: 0, blobKeys: [] });
  });

  it('waits for a callback that may still need the result', async () => {
    const lane = await seedLane(store);
    const task = await seedSingle(store, lane);
    const { identifiers } = await store.byHand.insert(CallbackRow, callback(lane, { taskSeq: task, state: 1 }));
    const outlived = () => store.retention.outlivedTasks(lane.queueSeq, 'completed', store.clock.now());
    for (const state of [1, 2, 4]) {
      await store.byHand.update(CallbackRow, identifiers[0]!, { state });
      expect(await outlived()).toEqual([]);
      expect(await store.retention.forgetTasks([task])).toMatchObject({ tasks: 0 });
    }
    await store.byHand.update(CallbackRow, identifiers[0]!, { state: 3 });
    expect(await outlived()).toEqual([task]);
    expect(await store.retention.forgetTasks([task])).toMatchObject({ tasks: 1 });
  });
}

function callback({ tenantSeq }: SeededLane, over: Partial<CallbackRow>): Partial<CallbackRow> {
  const base = { id: newId('task'), tenantSeq, url: 'http://x/', target: 'http://x', body: '{}', availableAt: 1 };
  return { ...base, createdAt: 1, ...over };
}

function exerciseCallbacks(store: TestStore): void {
  it('takes the tries to deliver them along, and only those that have ended', async () => {
    const lane = await seedLane(store);
    const seqs: number[] = [];
    for (const over of [{ state: 3, endedAt: 5 }, { state: 4, endedAt: 5 }, { state: 1 }, { state: 3, endedAt: 6 }]) {
      const { identifiers } = await store.byHand.insert(CallbackRow, callback(lane, over));
      const callbackSeq = identifiers[0]!['seq'] as number;
      await store.byHand.insert(CallbackAttemptRow, { callbackSeq, epoch: 1, startedAt: 1, tookMs: 1 });
      seqs.push(callbackSeq);
    }
    expect(await store.retention.outlivedCallbacks('delivered', 5)).toEqual([seqs[0]]);
    expect(await store.retention.outlivedCallbacks('dead', 5)).toEqual([seqs[1]]);
    expect(await store.retention.outlivedCallbacks('dead', 4)).toEqual([]);
    expect(await store.retention.forgetCallbacks(seqs.slice(0, 3))).toBe(2);
    expect((await store.reader.find(CallbackRow)).map(({ seq }) => seq)).toEqual(seqs.slice(2));
    expect(await store.reader.countBy(CallbackAttemptRow, {})).toBe(2);
  });
}

function exerciseAges(store: TestStore): void {
  const rows = {
    acts: (createdAt: number) =>
      store.byHand.insert(AuditEntryRow, { id: newId('audit'), actor: 'a', action: 'b', subject: 'c', createdAt }),
    events: (createdAt: number) =>
      store.byHand.insert(TaskEventRow, { taskSeq: 1, n: createdAt, epoch: 1, events: '[]', createdAt }),
    idempotencyKeys: (expiresAt: number) =>
      store.byHand.insert(IdempotencyKeyRow, {
        tenantSeq: 1,
        scope: 's',
        key: `${expiresAt}`,
        requestHash: 'h',
        subjectId: 'i',
        expiresAt,
      }),
    workers: (lastSeenAt: number) =>
      store.byHand.insert(WorkerRow, { tenantSeq: 1, name: `${lastSeenAt}`, createdAt: 1, lastSeenAt }),
  } as const;
  const entities = {
    acts: AuditEntryRow,
    events: TaskEventRow,
    idempotencyKeys: IdempotencyKeyRow,
    workers: WorkerRow,
  } as const;

  it.each(['acts', 'events', 'idempotencyKeys', 'workers'] as const)('takes %s of that age and older', async (kind) => {
    for (const at of [10, 20, 30]) await rows[kind](at);
    expect(await store.retention.forgetOld(kind, 20)).toBe(false);
    expect(await store.reader.countBy(entities[kind], {})).toBe(1);
    expect(await store.retention.forgetOld(kind, 29)).toBe(false);
    expect(await store.reader.countBy(entities[kind], {})).toBe(1);
  });

  it('takes a bounded number at a time, and says that there is more', async () => {
    const events = range(1, SWEEP_ROWS + 1).map((n) => ({ taskSeq: 1, n, epoch: 1, events: '[]', createdAt: 5 }));
    for (let from = 0; from < events.length; from += 500) {
      await store.byHand.insert(TaskEventRow, events.slice(from, from + 500));
    }
    expect(await store.retention.forgetOld('events', 5)).toBe(true);
    expect(await store.reader.countBy(TaskEventRow, {})).toBe(1);
    expect(await store.retention.forgetOld('events', 5)).toBe(false);
  });

  it('takes servers that are gone, and never the one that asks', async () => {
    const register = () =>
      store.instances.register({ id: newId('instance'), role: 'all', host: 'h', pid: 1, handlerTypes: '[]' });
    const [own] = [await register(), await register()];
    store.clock.advance(1_000);
    const young = await register();
    expect(await store.retention.forgetInstances(store.clock.now() - 1, own)).toBe(false);
    expect((await store.reader.find(InstanceRow)).map(({ seq }) => seq)).toEqual([own, young]);
  });
}
