import { describe, expect, it } from 'vitest';
import { AttemptRow } from '../../src/store/entities/attempt.entity.js';
import { LaneRow } from '../../src/store/entities/lane.entity.js';
import { TaskRow } from '../../src/store/entities/task.entity.js';
import { SWEEP_ROWS } from '../../src/store/procedures/task.procedures.js';
import type { AttemptNote } from '../../src/store/procedures/task-shapes.js';
import type { TestStore } from '../support/store-factory.js';
import {
  answerTo,
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
  type SeededLane,
} from '../support/store-seeds.js';

const NOTE: AttemptNote = {
  outcome: 'failed',
  startedAt: 1_234,
  statusCode: 500,
  detail: 'The upstream said 500: „ups“.',
};

/** How tasks come back into their lane without an end. */
export function exerciseStoreReturns(store: TestStore): void {
  describe('a task that is given back', () => exerciseGiveBack(store));
  describe('a task that waits for a time', () => exercisePromotion(store));
  describe('the depth of a lane', () => exerciseDepth(store));
}

function attempts(store: TestStore): Promise<AttemptRow[]> {
  return store.reader.find(AttemptRow, { order: { seq: 'asc' } });
}

function exerciseGiveBack(store: TestStore): void {
  it('is ready at once, in its place at the head', async () => {
    const lane = await seedLane(store);
    await seedBatch(store, lane, 4);
    const [first, second] = await lease(store, lane, 2);
    expect(await store.tasks.giveBack(returnOf(second!, lane))).toBe(true);
    expect(await store.tasks.giveBack(returnOf(first!, lane))).toBe(true);
    const again = await lease(store, lane, 3);
    expect(linesOf(again)).toEqual([1, 2, 3]);
    expect(again[0]!.seq).toBe(first!.seq);
  });

  it('has no holder any more', async () => {
    const lane = await seedLane(store);
    await seedBatch(store, lane, 1);
    const [task] = await lease(store, lane, 1);
    await store.tasks.giveBack(returnOf(task!, lane));
    expect(await taskRow(store, task!)).toMatchObject({ state: 1, ownerSeq: null, workerSeq: null, availableAt: null });
  });

  it.each([
    [true, false, 1, 0],
    [false, true, 0, 1],
    [false, false, 0, 0],
  ])('counts a try: %s, a loss: %s', async (isTry, isLoss, tries, losses) => {
    const lane = await seedLane(store);
    await seedBatch(store, lane, 1);
    for (const round of range(1, 3)) {
      const [task] = await lease(store, lane, 1);
      expect(task!.tries).toBe(tries * (round - 1));
      await store.tasks.giveBack(returnOf(task!, lane, { isTry, isLoss }));
      expect(await taskRow(store, task!)).toMatchObject({ tries: tries * round, losses: losses * round });
    }
  });

  it('leaves a note of the attempt, with who made it', async () => {
    const lane = await seedLane(store);
    await seedBatch(store, lane, 1);
    const [task] = await lease(store, lane, 1, 42);
    store.clock.advance(900);
    await store.tasks.giveBack(returnOf(task!, lane, { isTry: true, attempt: NOTE }));
    const [attempt, ...more] = await attempts(store);
    expect(more).toEqual([]);
    expect(attempt).toMatchObject({
      taskSeq: task!.seq,
      epoch: task!.epoch,
      ownerSeq: 42,
      workerSeq: null,
      startedAt: 1_234,
      endedAt: store.clock.now(),
      outcome: 'failed',
      statusCode: 500,
      detail: NOTE.detail,
    });
  });

  it('leaves one note for each attempt, and none when there is nothing to note', async () => {
    const lane = await seedLane(store);
    await seedBatch(store, lane, 1);
    for (const attempt of [NOTE, null, NOTE]) {
      const [task] = await lease(store, lane, 1);
      await store.tasks.giveBack(returnOf(task!, lane, { attempt }));
    }
    expect((await attempts(store)).map(({ epoch }) => epoch)).toEqual([1, 3]);
  });

  it('by a holder that lost it changes nothing, and leaves no note', async () => {
    const lane = await seedLane(store);
    await seedBatch(store, lane, 1);
    const [old] = await lease(store, lane, 1);
    await store.tasks.giveBack(returnOf(old!, lane));
    const [task] = await lease(store, lane, 1, 42);
    const before = await taskRow(store, task!);
    const late = returnOf(old!, lane, { availableAt: 5, isTry: true, isLoss: true, attempt: NOTE });
    expect(await store.tasks.giveBack(late)).toBe(false);
    expect(await taskRow(store, task!)).toEqual(before);
    expect(await attempts(store)).toEqual([]);
  });

  it('after its end, or unknown, changes nothing', async () => {
    const lane = await seedLane(store);
    await seedBatch(store, lane, 1);
    const [task] = await lease(store, lane, 1);
    await store.tasks.finish(answerTo(task!, lane));
    const before = await taskRow(store, task!);
    expect(await store.tasks.giveBack(returnOf(task!, lane, { attempt: NOTE }))).toBe(false);
    expect(await store.tasks.giveBack(returnOf({ ...task!, seq: 987_654 }, lane, { attempt: NOTE }))).toBe(false);
    expect(await taskRow(store, task!)).toEqual(before);
    expect(await attempts(store)).toEqual([]);
  });

  it('several times at once counts once', async () => {
    const lane = await seedLane(store);
    await seedBatch(store, lane, 1);
    const [task] = await lease(store, lane, 1);
    const back = returnOf(task!, lane, { isTry: true, attempt: NOTE });
    const answers = await Promise.all(range(1, 5).map(() => store.tasks.giveBack(back)));
    expect(answers.filter(Boolean)).toHaveLength(1);
    expect(await taskRow(store, task!)).toMatchObject({ state: 1, tries: 1 });
    expect(await attempts(store)).toHaveLength(1);
  });

  it('and ended at once does one or the other', async () => {
    const lane = await seedLane(store);
    await seedBatch(store, lane, 20);
    const tasks = await lease(store, lane, 20);
    await Promise.all(
      tasks.map(async (task, index) => {
        const back = () => store.tasks.giveBack(returnOf(task, lane, { attempt: NOTE }));
        const endsFirst = index % 2 === 0 ? store.tasks.finish(answerTo(task, lane)) : null;
        const [isBack, { isRecorded }] = await Promise.all([
          back(),
          endsFirst ?? store.tasks.finish(answerTo(task, lane)),
        ]);
        expect(isBack).toBe(!isRecorded);
        expect((await taskRow(store, task)).state).toBe(isRecorded ? 3 : 1);
      }),
    );
  });

  it('does not count in its lane', async () => {
    const lane = await seedLane(store);
    await seedBatch(store, lane, 1);
    const [task] = await lease(store, lane, 1);
    await store.tasks.giveBack(returnOf(task!, lane, { isTry: true, isLoss: true }));
    expect(await laneRow(store, lane)).toMatchObject({ putCount: 1, takenCount: 1, completedCount: 0, failedCount: 0 });
  });
}

function exercisePromotion(store: TestStore): void {
  /** Leases the next task of the lane and gives it back until `afterMs` from now. */
  async function schedule(lane: SeededLane, afterMs: number): Promise<number> {
    const [task] = await lease(store, lane, 1);
    await store.tasks.giveBack(returnOf(task!, lane, { availableAt: store.clock.now() + afterMs }));
    return task!.seq;
  }

  it('becomes ready when the time has come, not a millisecond before, and goes to its place', async () => {
    const lane = await seedLane(store);
    await seedBatch(store, lane, 2);
    const seq = await schedule(lane, 1_000);
    store.clock.advance(999);
    expect(await store.tasks.hasDue()).toBe(false);
    expect(await store.tasks.promote()).toEqual({ laneSeqs: [], isMore: false });
    store.clock.advance(1);
    expect(await store.tasks.hasDue()).toBe(true);
    expect(await store.tasks.promote()).toEqual({ laneSeqs: [lane.laneSeq], isMore: false });
    expect(await taskRow(store, { seq })).toMatchObject({ state: 1, availableAt: null });
    expect(linesOf(await lease(store, lane, 2))).toEqual([1, 2]);
    expect(await store.tasks.hasDue()).toBe(false);
  });

  it('names each lane once', async () => {
    const lanes = [await seedLane(store), await seedLane(store), await seedLane(store)];
    for (const lane of lanes) {
      await seedBatch(store, lane, 3);
      for (const afterMs of [10, 20, 60_000]) await schedule(lane, afterMs);
    }
    store.clock.advance(20);
    const { laneSeqs } = await store.tasks.promote();
    expect(laneSeqs.toSorted((a, b) => a - b)).toEqual(lanes.map(({ laneSeq }) => laneSeq));
    expect(await store.tasks.laneDepth(lanes[0]!.laneSeq)).toMatchObject({ ready: 2, scheduled: 1 });
  });

  it('may be one of very many: at most 2,000 a step, the longest due first', async () => {
    const lane = await seedLane(store);
    const now = store.clock.now();
    const lines = newLines(lane, 0, SWEEP_ROWS + 3).map(({ customId }, index) => ({
      ...lane,
      state: 0,
      mode: 'batch',
      customId,
      batchSeq: 1,
      line: index + 1,
      enqueuedAt: now,
      availableAt: now - index,
    }));
    for (let from = 0; from < lines.length; from += 500) {
      await store.byHand.insert(TaskRow, lines.slice(from, from + 500));
    }
    expect(await store.tasks.promote()).toEqual({ laneSeqs: [lane.laneSeq], isMore: true });
    const left = await store.reader.find(TaskRow, { where: { state: 0 }, order: { seq: 'asc' } });
    expect(left.map(({ line }) => line)).toEqual([1, 2, 3]);
    expect(await store.tasks.promote()).toEqual({ laneSeqs: [lane.laneSeq], isMore: false });
    expect(await store.tasks.promote()).toEqual({ laneSeqs: [], isMore: false });
  });
}

function exerciseDepth(store: TestStore): void {
  it('is counted by state, with the age of its head', async () => {
    const lane = await seedLane(store);
    const enqueuedAt = store.clock.now();
    await seedBatch(store, lane, 3);
    store.clock.advance(5_000);
    await seedBatch(store, lane, 3);
    const [first] = await lease(store, lane, 2, OWNER_SEQ);
    await store.tasks.giveBack(returnOf(first!, lane, { availableAt: store.clock.now() + 1 }));
    const depth = await store.tasks.laneDepth(lane.laneSeq);
    expect(depth).toEqual({ ready: 4, scheduled: 1, leased: 1, oldestReadyAt: enqueuedAt });
  });

  it('is nothing when the lane is empty or unknown', async () => {
    const { laneSeq } = await seedLane(store);
    const nothing = { ready: 0, scheduled: 0, leased: 0, oldestReadyAt: null };
    expect(await store.tasks.laneDepth(laneSeq)).toEqual(nothing);
    expect(await store.tasks.laneDepth(987_654)).toEqual(nothing);
  });

  it('is of that lane alone', async () => {
    const [lane, other] = [await seedLane(store), await seedLane(store)];
    await seedBatch(store, other, 2);
    expect(await store.tasks.laneDepth(lane.laneSeq)).toMatchObject({ ready: 0 });
  });

  it('need not be counted to know whether anything is ready', async () => {
    const lane = await seedLane(store);
    const hasReady = () => store.tasks.hasReady(lane.laneSeq);
    expect(await hasReady()).toBe(false);
    await seedBatch(store, lane, 1);
    expect(await hasReady()).toBe(true);
    const [task] = await lease(store, lane, 1);
    expect(await hasReady()).toBe(false);
    await store.tasks.giveBack(returnOf(task!, lane, { availableAt: store.clock.now() + 1 }));
    expect(await hasReady()).toBe(false);
    store.clock.advance(1);
    await store.tasks.promote();
    expect(await hasReady()).toBe(true);
    await setPaused(store, lane, true);
    expect(await hasReady()).toBe(false);
    await setPaused(store, lane, false);
    expect(await hasReady()).toBe(true);
    await store.byHand.update(LaneRow, { seq: lane.laneSeq }, { clearedSeq: task!.seq });
    expect(await hasReady()).toBe(false);
  });

  it('holds nothing ready of a batch that was stopped, though its lines are still to be settled', async () => {
    const lane = await seedLane(store);
    const stopped = await seedBatch(store, lane, 3);
    await store.batches.cancel(lane.tenantSeq, stopped.id);
    expect(await store.tasks.laneDepth(lane.laneSeq)).toMatchObject({ ready: 3 });
    expect(await store.tasks.hasReady(lane.laneSeq)).toBe(false);
    expect(await lease(store, lane, 3)).toEqual([]);
    await seedBatch(store, lane, 1);
    expect(await store.tasks.hasReady(lane.laneSeq)).toBe(true);
  });
}
