import { describe, expect, it } from 'vitest';
import { newId } from '../../src/kernel/ids.js';
import { DeletedLaneRow } from '../../src/store/entities/deleted-lane.entity.js';
import { QueueRow } from '../../src/store/entities/queue.entity.js';
import { TaskRow } from '../../src/store/entities/task.entity.js';
import type { StoredBatch } from '../../src/store/batch.store.js';
import type { TestStore } from '../support/store-factory.js';
import { answerTo, lease, seedBatch, seedLane, type SeededLane } from '../support/store-seeds.js';
import { claimOf, completionOf, put, rowOf, setQueue, take } from '../support/task-seeds.js';

/** What has ended in a queue that was deleted says so as long as it is kept, and goes when its time is over. */
export function exerciseStoreDeletedQueues(store: TestStore): void {
  describe('its tasks', () => exerciseTasks(store));
  describe('its name', () => exerciseNames(store));
  describe('the end of it', () => exerciseEnds(store));
}

/** A single task that was completed, as its worker knew it. */
async function done(store: TestStore, lane: SeededLane): Promise<{ id: string; epoch: number; seq: number }> {
  await put(store, lane);
  const [task] = await take(store, [lane]);
  await store.pull.complete([completionOf(task!, lane)]);
  return task!;
}

const remove = (store: TestStore, { queueSeq }: SeededLane) => store.queues.deleteQueue(queueSeq, 'admin');

async function nameOf(store: TestStore, { queueSeq }: SeededLane): Promise<string> {
  return (await store.reader.findOneByOrFail(QueueRow, { seq: queueSeq })).name;
}

function exerciseTasks(store: TestStore): void {
  it('say of which queue and level they were, lines of batches as well', async () => {
    const [first, other] = [await seedLane(store, 3), await seedLane(store, 4)];
    const second = await seedLane(store, 7, first);
    const [name, otherName] = [await nameOf(store, first), await nameOf(store, other)];
    const single = await done(store, first);
    const kept = await done(store, other);
    await seedBatch(store, second, 1);
    const [line] = await lease(store, second, 1);
    await store.tasks.finish(answerTo(line!, second));
    await remove(store, first);
    const tasks = await store.singles.bySeqs([single.seq, line!.seq, kept.seq], null, true);
    const said = tasks.map(({ seq, queueName, level }) => ({ seq, queueName, level }));
    expect(said.sort((a, b) => a.seq - b.seq)).toEqual([
      { seq: single.seq, queueName: name, level: 3 },
      { seq: kept.seq, queueName: otherName, level: 4 },
      { seq: line!.seq, queueName: name, level: 7 },
    ]);
  });

  it('are known to their worker and their owner, and not to others', async () => {
    const [lane, foreign] = [await seedLane(store), await seedLane(store)];
    await setQueue(store, lane, { completionRule: 'last' });
    const task = await done(store, lane);
    await remove(store, lane);
    const complete = async (claim: { id: string; epoch: number | null }, of = lane, body = '{"answer":1}') =>
      (await store.pull.complete([completionOf(claim, of, { body })])).outcomes[0];
    expect(await complete(task)).toBe('repeated');
    expect(await complete({ ...task, epoch: task.epoch + 1 })).toBe('lost');
    expect(await complete({ ...task, epoch: null }, lane, '{"answer":2}')).toBe('late');
    expect(await complete(task, foreign)).toBe('unknown');
    const cancel = async ({ tenantSeq }: SeededLane) =>
      (await store.singles.cancel([{ ...claimOf(task, lane), tenantSeq, by: 'me' }])).outcomes;
    expect([await cancel(lane), await cancel(foreign)]).toEqual([['ended_before'], ['unknown']]);
    expect(await rowOf(store, task.id)).toMatchObject({ state: 3, statusCode: 200 });
  });

  it('are kept as long as it kept them', async () => {
    const [spoken, silent] = [await seedLane(store), await seedLane(store)];
    await setQueue(store, spoken, { resultTtlMs: 5_000 });
    for (const lane of [spoken, silent]) {
      await done(store, lane);
      await remove(store, lane);
    }
    expect(await store.retention.endedQueues()).toEqual([
      { queueSeq: spoken.queueSeq, resultTtlMs: 5_000 },
      { queueSeq: silent.queueSeq, resultTtlMs: null },
    ]);
  });
}

function exerciseNames(store: TestStore): void {
  const create = (tenantSeq: number, name: string, visibility: string) =>
    store.queues.createQueue({
      id: newId('queue'),
      tenantSeq,
      name,
      visibility,
      endpoint: null,
      models: '[]',
      consumers: '[]',
      upstreamSeq: null,
      by: 'admin',
    });

  it('may be had by several, one after the other; of another tenant only by a shared one', async () => {
    const [mine, theirs] = [(await seedLane(store)).tenantSeq, (await seedLane(store)).tenantSeq];
    const seqs: number[] = [];
    for (const visibility of ['private', 'shared', 'private']) {
      const { seq: queueSeq } = await create(mine, 'chat', visibility);
      for (const level of [0, 1]) await store.queues.ensureLane(queueSeq, level);
      await store.queues.deleteQueue(queueSeq, 'admin');
      seqs.push(queueSeq);
    }
    const named = async (tenantSeq: number, name: string) =>
      (await store.queues.deletedNamed(tenantSeq, name)).sort((a, b) => a - b);
    expect(await named(mine, 'chat')).toEqual(seqs);
    expect(await named(theirs, 'chat')).toEqual([seqs[1]]);
    expect(await named(mine, 'Chat')).toEqual([]);
  });

  it('is not kept of one that never had a task', async () => {
    const { seq } = await create((await seedLane(store)).tenantSeq, 'bare', 'private');
    await store.queues.deleteQueue(seq, 'admin');
    expect(await store.reader.countBy(DeletedLaneRow, {})).toBe(0);
  });
}

function exerciseEnds(store: TestStore): void {
  const outlived = () => store.retention.outlivedLanes();

  it('comes with that of its last single task, whatever others hold', async () => {
    const [lane, other] = [await seedLane(store), await seedLane(store)];
    const second = await seedLane(store, 2, lane);
    const name = await nameOf(store, lane);
    await done(store, other);
    const tasks = [await done(store, lane), await done(store, lane)];
    await remove(store, lane);
    for (const { seq } of tasks) {
      expect(await outlived()).toEqual([]);
      await store.retention.forgetTasks([seq]);
    }
    await remove(store, other);
    expect(await outlived()).toEqual([lane.laneSeq, second.laneSeq]);
    expect(await store.queues.deletedNamed(lane.tenantSeq, name)).toEqual([lane.queueSeq]);
    await store.retention.forgetLanes(await outlived());
    expect(await store.queues.deletedNamed(lane.tenantSeq, name)).toEqual([]);
    expect((await store.reader.find(DeletedLaneRow)).map(({ seq }) => seq)).toEqual([other.laneSeq]);
  });

  /** All lines in, answered, and the batch ended if it is to. */
  async function worked(lane: SeededLane, queueSeq: number | null, isEnded = true): Promise<StoredBatch> {
    const batch = await seedBatch(store, lane, 1, { queueSeq });
    const [task] = await lease(store, lane, 1);
    await store.tasks.finish(answerTo(task!, lane));
    if (isEnded) await store.batches.finish({ batchSeq: batch.seq, outcome: 'completed', output: null, error: null });
    return batch;
  }

  async function clear({ seq }: StoredBatch): Promise<void> {
    await store.retention.forgetTasks(await store.retention.linesOf(seq));
    expect(await store.retention.clearBatch(seq)).toBe(true);
  }

  it.each([
    ['that named it', true],
    ['that named none', false],
  ])('waits for the lines of a batch %s', async (_, isNamed) => {
    const lane = await seedLane(store);
    const batch = await worked(lane, isNamed ? lane.queueSeq : null, false);
    await remove(store, lane);
    expect(await outlived()).toEqual([]);
    await store.batches.finish({ batchSeq: batch.seq, outcome: 'completed', output: null, error: null });
    expect(await outlived()).toEqual([]);
    await clear(batch);
    expect(await store.reader.countBy(TaskRow, {})).toBe(0);
    expect(await outlived()).toEqual([lane.laneSeq]);
  });

  it('waits for no batch that named another queue, or came later', async () => {
    const [lane, other] = [await seedLane(store), await seedLane(store)];
    await worked(other, other.queueSeq);
    await worked(other, other.queueSeq, false);
    await remove(store, lane);
    await worked(other, null);
    await worked(other, null, false);
    expect(await outlived()).toEqual([lane.laneSeq]);
  });
}
