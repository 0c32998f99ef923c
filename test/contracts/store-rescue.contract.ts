import { expect, it } from 'vitest';
import { AttemptRow } from '../../src/store/entities/attempt.entity.js';
import { TaskResultRow } from '../../src/store/entities/task-result.entity.js';
import { TaskRow } from '../../src/store/entities/task.entity.js';
import { MAX_LOSSES, SWEEP_ROWS } from '../../src/store/procedures/task.procedures.js';
import type { TestStore } from '../support/store-factory.js';
import {
  answerTo,
  laneRow,
  lease,
  linesOf,
  range,
  seedBatch,
  seedLane,
  taskRow,
  type SeededLane,
} from '../support/store-seeds.js';

const DEAD = 11;
const ALSO_DEAD = 12;
const ALIVE = 13;

/** How leases come back from servers that are dead. */
export function exerciseStoreRescues(store: TestStore): void {
  const rescue = () => store.tasks.rescue(ALIVE);

  /** Leases the head of the lane for an instance that then dies, as often as said. */
  async function lose(lane: SeededLane, times: number): Promise<void> {
    for (const _ of range(1, times)) {
      const [task] = await lease(store, lane, 1, DEAD);
      expect(task).toBeDefined();
      expect((await rescue()).rescued).toBe(1);
    }
  }

  it('takes the leases of all other instances back into their places, and its own not', async () => {
    const lane = await seedLane(store);
    await seedBatch(store, lane, 9);
    await lease(store, lane, 3, DEAD);
    const own = await lease(store, lane, 3, ALIVE);
    await lease(store, lane, 2, ALSO_DEAD);
    expect(await rescue()).toEqual({ rescued: 5, doneBatchSeqs: [], isMore: false });
    for (const task of own) expect(await taskRow(store, task)).toMatchObject({ state: 2, ownerSeq: ALIVE, losses: 0 });
    expect(linesOf(await lease(store, lane, 10, ALIVE))).toEqual([1, 2, 3, 7, 8, 9]);
  });

  it('takes back what an instance has leased until then and does not know of, and nothing else', async () => {
    const lane = await seedLane(store);
    await seedBatch(store, lane, 9);
    const unknown = await lease(store, lane, 2, ALIVE);
    const known = await lease(store, lane, 2, ALIVE);
    await lease(store, lane, 2, DEAD);
    const until = store.clock.now();
    store.clock.advance(1);
    await lease(store, lane, 1, ALIVE);
    const look = () => store.tasks.rescueUnknown(ALIVE, until, [...known.map(({ seq }) => seq), 987_654]);
    expect(await look()).toEqual({ rescued: 2, doneBatchSeqs: [], isMore: false });
    expect(await look()).toMatchObject({ rescued: 0 });
    expect(linesOf(await lease(store, lane, 10, ALIVE))).toEqual([1, 2, 8, 9]);
    expect(await store.reader.find(AttemptRow)).toMatchObject(
      unknown.map(({ seq }) => ({
        taskSeq: seq,
        outcome: 'lost',
        detail: 'the server that was to run it was never told',
      })),
    );
  });

  it('finds nothing where nothing was lost, and nothing twice', async () => {
    const lane = await seedLane(store);
    await seedBatch(store, lane, 2);
    expect(await rescue()).toEqual({ rescued: 0, doneBatchSeqs: [], isMore: false });
    await lease(store, lane, 1, DEAD);
    expect(await rescue()).toMatchObject({ rescued: 1 });
    expect(await rescue()).toMatchObject({ rescued: 0 });
  });

  it('counts a loss and no try', async () => {
    const lane = await seedLane(store);
    await seedBatch(store, lane, 1);
    await lose(lane, 3);
    const [task] = await lease(store, lane, 1, ALIVE);
    expect(await taskRow(store, task!)).toMatchObject({ losses: 3, tries: 0, epoch: 4 });
  });

  it('notes the attempt, with its holder and since when it ran', async () => {
    const lane = await seedLane(store);
    await seedBatch(store, lane, 1);
    const startedAt = store.clock.now();
    const [task] = await lease(store, lane, 1, DEAD);
    store.clock.advance(30_000);
    await rescue();
    expect(await store.reader.find(AttemptRow)).toMatchObject([
      { taskSeq: task!.seq, epoch: 1, ownerSeq: DEAD, startedAt, endedAt: store.clock.now(), outcome: 'lost' },
    ]);
  });

  it('refuses what its old holder says afterwards', async () => {
    const lane = await seedLane(store);
    await seedBatch(store, lane, 1);
    const [old] = await lease(store, lane, 1, DEAD);
    await rescue();
    expect(await store.tasks.finish(answerTo(old!, lane))).toMatchObject({ isRecorded: false });
    const [again] = await lease(store, lane, 1, ALIVE);
    expect(await store.tasks.finish(answerTo(old!, lane))).toMatchObject({ isRecorded: false });
    expect(await store.tasks.finish(answerTo(again!, lane))).toMatchObject({ isRecorded: true });
  });

  it('leaves the leases of workers that pull alone', async () => {
    const lane = await seedLane(store);
    await store.byHand.insert(TaskRow, {
      ...lane,
      id: 'task_pulled',
      state: 2,
      mode: 'callback',
      workerSeq: 5,
      epoch: 1,
      leaseUntil: store.clock.now() + 60_000,
      enqueuedAt: store.clock.now(),
    });
    expect(await rescue()).toMatchObject({ rescued: 0 });
    expect(await store.tasks.laneDepth(lane.laneSeq)).toMatchObject({ leased: 1 });
  });

  it(`gives a task up that was lost ${MAX_LOSSES} times, and not before`, async () => {
    const lane = await seedLane(store);
    const batch = await seedBatch(store, lane, 2);
    await lose(lane, MAX_LOSSES - 1);
    const [task] = await lease(store, lane, 1, DEAD);
    expect(await rescue()).toEqual({ rescued: 1, doneBatchSeqs: [], isMore: false });
    expect(await taskRow(store, task!)).toMatchObject({ state: 4, tries: 0, statusCode: null });
    expect(await store.reader.findOneByOrFail(TaskResultRow, { taskSeq: task!.seq })).toMatchObject({
      errorCode: 'poison',
      errorMessage: expect.stringContaining('20 times'),
      body: null,
    });
    expect(await store.batches.bySeq(batch.seq)).toMatchObject({ failed: 1, completed: 0, state: 'in_progress' });
    expect(await laneRow(store, lane)).toMatchObject({ failedCount: 1 });
    expect(await store.reader.countBy(AttemptRow, { taskSeq: task!.seq })).toBe(MAX_LOSSES);
    expect(linesOf(await lease(store, lane, 10, ALIVE))).toEqual([2]);
  });

  it('names the batches of which it gave the last line up', async () => {
    const lane = await seedLane(store);
    const [batch] = [await seedBatch(store, lane, 2), await seedBatch(store, lane, 1)];
    await store.byHand.update(TaskRow, { batchSeq: batch.seq }, { losses: MAX_LOSSES - 1 });
    await lease(store, lane, 3, DEAD);
    expect(await rescue()).toEqual({ rescued: 3, doneBatchSeqs: [batch.seq], isMore: false });
    expect(await store.batches.bySeq(batch.seq)).toMatchObject({
      failed: 2,
      state: 'finalizing',
      outcome: 'completed',
    });
  });

  it('takes at most 2,000 a step', async () => {
    const lane = await seedLane(store);
    await seedBatch(store, lane, SWEEP_ROWS + 1);
    await lease(store, lane, SWEEP_ROWS + 1, DEAD);
    expect(await rescue()).toEqual({ rescued: SWEEP_ROWS, doneBatchSeqs: [], isMore: true });
    expect(await rescue()).toEqual({ rescued: 1, doneBatchSeqs: [], isMore: false });
    expect(await store.tasks.laneDepth(lane.laneSeq)).toMatchObject({ ready: SWEEP_ROWS + 1, leased: 0 });
  });
}
