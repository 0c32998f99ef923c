import { describe, expect, it } from 'vitest';
import { LaneRow } from '../../src/store/entities/lane.entity.js';
import { TaskRow } from '../../src/store/entities/task.entity.js';
import type { LeasedTask } from '../../src/store/procedures/task-shapes.js';
import type { TestStore } from '../support/store-factory.js';
import {
  lease,
  laneRow,
  linesOf,
  newLines,
  OWNER_SEQ,
  range,
  returnOf,
  seedBatch,
  seedLane,
  setPaused,
  taskRow,
  WINDOW_MS,
} from '../support/store-seeds.js';
import { putApart } from '../support/task-seeds.js';

/** How tasks leave their lane. */
export function exerciseStoreLeases(store: TestStore): void {
  describe('a lease', () => exerciseLease(store));
  describe('of a lane that gives nothing', () => exerciseClosedLanes(store));
  describe('of several takers', () => exerciseTakers(store));
}

function exerciseLease(store: TestStore): void {
  it('is over once its task has ended, went back, or was leased anew, as its holder finds when it looks', async () => {
    const lane = await seedLane(store);
    const ids = await putApart(store, [lane, lane, lane]);
    const batch = await seedBatch(store, lane, 1);
    const leases = await lease(store, lane, 4);
    const [kept, ended, returned, line] = leases as [LeasedTask, LeasedTask, LeasedTask, LeasedTask];
    expect(await store.tasks.lostOf(leases)).toEqual([]);
    await store.singles.cancel([{ key: { id: ids[1]! }, tenantSeq: lane.tenantSeq, by: null }]);
    await store.tasks.giveBack(returnOf(returned, lane));
    await store.batches.settle({ batchSeq: batch.seq, after: 0, until: 1, outcome: 'cancelled', isWithLeased: true });
    const [anew] = await lease(store, lane, 1);
    expect(anew!.seq).toBe(returned.seq);
    const lost = await store.tasks.lostOf([...leases, anew!, ...range(1, 600).map(() => kept)]);
    const over = [ended, returned, line].map(({ seq, epoch }) => ({ seq, epoch }));
    expect(lost.toSorted((one, other) => one.seq - other.seq)).toEqual(over);
  });

  it('takes from the head of the lane, in order', async () => {
    const lane = await seedLane(store);
    await seedBatch(store, lane, 10);
    expect(linesOf(await lease(store, lane, 4))).toEqual([1, 2, 3, 4]);
    expect(linesOf(await lease(store, lane, 4))).toEqual([5, 6, 7, 8]);
  });

  it('takes what there is when there are fewer, and then nothing', async () => {
    const lane = await seedLane(store);
    await seedBatch(store, lane, 3);
    expect(linesOf(await lease(store, lane, 100))).toEqual([1, 2, 3]);
    expect(await lease(store, lane, 100)).toEqual([]);
  });

  it('goes through batches in the order in which their lines came in', async () => {
    const lane = await seedLane(store);
    const first = await seedBatch(store, lane, 2);
    const second = await seedBatch(store, lane, 2);
    const tasks = await lease(store, lane, 10);
    expect(tasks.map((task) => task.batchSeq)).toEqual([first.seq, first.seq, second.seq, second.seq]);
    expect(linesOf(tasks)).toEqual([1, 2, 1, 2]);
  });

  it('tells what a dispatcher needs', async () => {
    const lane = await seedLane(store);
    const batch = await seedBatch(store, lane, 2);
    const [, second] = newLines(lane, 0, 2);
    const [, task] = await lease(store, lane, 2);
    expect(task).toMatchObject({
      batchSeq: batch.seq,
      bodyOffset: second!.bodyOffset,
      bodyLength: second!.bodyLength,
      epoch: 1,
      tries: 0,
    });
  });

  it('takes tasks that are no lines of a batch too, also while a batch is being stopped', async () => {
    const lane = await seedLane(store);
    const stopped = await seedBatch(store, lane, 1);
    await store.batches.cancel(lane.tenantSeq, stopped.id);
    await store.byHand.insert(TaskRow, { ...lane, id: 'task_single', state: 1, mode: 'callback', enqueuedAt: 1 });
    const tasks = await lease(store, lane, 10);
    expect(tasks).toMatchObject([{ batchSeq: null, bodyOffset: null, bodyLength: null, epoch: 1 }]);
  });

  it('notes its holder and its time', async () => {
    const lane = await seedLane(store);
    await seedBatch(store, lane, 1);
    store.clock.advance(5_000);
    const [task] = await lease(store, lane, 1, 77);
    expect(await taskRow(store, task!)).toMatchObject({
      state: 2,
      ownerSeq: 77,
      workerSeq: null,
      leaseUntil: null,
      leasedAt: store.clock.now(),
    });
  });

  it('raises the epoch each time', async () => {
    const lane = await seedLane(store);
    await seedBatch(store, lane, 1);
    for (const epoch of range(1, 4)) {
      const [task] = await lease(store, lane, 1);
      expect(task!.epoch).toBe(epoch);
      await store.tasks.giveBack(returnOf(task!, lane));
    }
  });

  it('counts as taken in its lane', async () => {
    const lane = await seedLane(store);
    await seedBatch(store, lane, 5);
    await lease(store, lane, 3);
    await lease(store, lane, 3);
    expect(await laneRow(store, lane)).toMatchObject({ putCount: 5, takenCount: 5 });
  });
}

function exerciseClosedLanes(store: TestStore): void {
  it('gives nothing when the lane is empty or unknown', async () => {
    const lane = await seedLane(store);
    expect(await lease(store, lane, 10)).toEqual([]);
    expect(await lease(store, { ...lane, laneSeq: 987_654 }, 10)).toEqual([]);
  });

  it('gives nothing while the queue is paused, on any level, and all of it afterwards', async () => {
    const lane = await seedLane(store);
    const online = await seedLane(store, 0, lane);
    await seedBatch(store, lane, 2);
    await seedBatch(store, online, 1);
    await setPaused(store, lane, true);
    expect(await lease(store, lane, 10)).toEqual([]);
    expect(await lease(store, online, 10)).toEqual([]);
    await setPaused(store, lane, false);
    expect(linesOf(await lease(store, lane, 10))).toEqual([1, 2]);
    expect(await lease(store, online, 10)).toHaveLength(1);
  });

  it('gives when only another queue is paused', async () => {
    const [paused, lane] = [await seedLane(store), await seedLane(store)];
    await seedBatch(store, lane, 1);
    await setPaused(store, paused, true);
    expect(await lease(store, lane, 1)).toHaveLength(1);
  });

  it('gives nothing at or below the point up to which it was cleared', async () => {
    const lane = await seedLane(store);
    await seedBatch(store, lane, 5);
    const [, , third] = await store.reader.find(TaskRow, { where: { laneSeq: lane.laneSeq }, order: { seq: 'asc' } });
    await store.byHand.update(LaneRow, { seq: lane.laneSeq }, { clearedSeq: third!.seq });
    expect(linesOf(await lease(store, lane, 10))).toEqual([4, 5]);
  });

  it('gives nothing that waits for a time', async () => {
    const lane = await seedLane(store);
    await seedBatch(store, lane, 2);
    const [first] = await lease(store, lane, 1);
    await store.tasks.giveBack(returnOf(first!, lane, { availableAt: store.clock.now() + 1 }));
    store.clock.advance(10);
    expect(linesOf(await lease(store, lane, 10))).toEqual([2]);
  });

  it('gives nothing of a batch that was cancelled, and goes on with the next one', async () => {
    const lane = await seedLane(store);
    const [cancelled] = [await seedBatch(store, lane, 3), await seedBatch(store, lane, 2)];
    expect(linesOf(await lease(store, lane, 1))).toEqual([1]);
    await store.batches.cancel(cancelled.tenantSeq, cancelled.id);
    const tasks = await lease(store, lane, 10);
    expect(linesOf(tasks)).toEqual([1, 2]);
    expect(tasks.every((task) => task.batchSeq !== cancelled.seq)).toBe(true);
  });

  it('gives nothing of a batch whose window is over', async () => {
    const lane = await seedLane(store);
    const batch = await seedBatch(store, lane, 3);
    store.clock.advance(WINDOW_MS);
    expect(await store.batches.expire(batch.seq)).toBe(true);
    expect(await lease(store, lane, 10)).toEqual([]);
  });
}

function exerciseTakers(store: TestStore): void {
  it('of two lanes of a queue gives each its own', async () => {
    const offline = await seedLane(store, 5);
    const online = await seedLane(store, 0, offline);
    const [slow, fast] = [await seedBatch(store, offline, 3), await seedBatch(store, online, 2)];
    const [ofOffline, ofOnline] = await Promise.all([lease(store, offline, 10), lease(store, online, 10)]);
    expect(ofOffline.map((task) => task.batchSeq)).toEqual(Array(3).fill(slow.seq));
    expect(ofOnline.map((task) => task.batchSeq)).toEqual(Array(2).fill(fast.seq));
  });

  it('who ask at once gives each its own tasks, the first ones to who asked first', async () => {
    const lane = await seedLane(store);
    await seedBatch(store, lane, 73);
    const slices = await Promise.all(range(1, 10).map((ownerSeq) => lease(store, lane, 10, ownerSeq)));
    expect(slices.map((slice) => slice.length)).toEqual([...Array<number>(7).fill(10), 3, 0, 0]);
    expect(slices.flatMap(linesOf)).toEqual(range(1, 73));
    for (const [index, slice] of slices.entries()) {
      for (const task of slice) expect((await taskRow(store, task)).ownerSeq).toBe(index + 1);
    }
  });

  it('who ask one after the other, while tasks come back, gives no task twice at a time', async () => {
    const lane = await seedLane(store);
    await seedBatch(store, lane, 30);
    const held = new Set<number>();
    const take = async (rounds: number): Promise<void> => {
      for (let round = 0; round < rounds; round += 1) {
        const tasks = await lease(store, lane, 4);
        for (const { seq } of tasks) expect(held.has(seq)).toBe(false);
        for (const { seq } of tasks) held.add(seq);
        for (const task of tasks) held.delete(task.seq);
        await Promise.all(tasks.map((task) => store.tasks.giveBack(returnOf(task, lane))));
      }
    };
    await Promise.all(range(1, 6).map(() => take(10)));
    expect(await store.tasks.laneDepth(lane.laneSeq)).toMatchObject({ ready: 30, leased: 0 });
  });

  it('of many lanes in one group answers each by itself', async () => {
    const lanes = await Promise.all(range(1, 20).map(() => seedLane(store)));
    await Promise.all(lanes.map((lane, index) => seedBatch(store, lane, index)));
    const slices = await Promise.all(lanes.map((lane) => lease(store, lane, 100, OWNER_SEQ)));
    expect(slices.map((slice) => slice.length)).toEqual(range(0, 19));
    for (const lane of lanes.keys()) expect(linesOf(slices[lane]!)).toEqual(range(1, lane));
  });
}
