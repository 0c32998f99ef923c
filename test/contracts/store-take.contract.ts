import { describe, expect, it } from 'vitest';
import { CommitMarkRow } from '../../src/store/entities/commit-mark.entity.js';
import { WorkerRow } from '../../src/store/entities/worker.entity.js';
import type { TestStore } from '../support/store-factory.js';
import { laneRow, lease, range, seedBatch, seedLane, setPaused, WINDOW_MS } from '../support/store-seeds.js';
import {
  claimOf,
  completionOf,
  idsOf,
  newTask,
  put,
  putApart,
  rowOf,
  setQueue,
  take,
  takeRequest,
} from '../support/task-seeds.js';

/** How workers take. */
export function exerciseStoreTakes(store: TestStore): void {
  describe('a take', () => exerciseTake(store));
  describe('by strategy', () => exerciseStrategies(store));
  describe('in sequence', () => exerciseSequential(store));
  describe('within limits', () => exerciseLimits(store));
}

function exerciseTake(store: TestStore): void {
  it('notes its holder, its end and what happens then', async () => {
    const lane = await seedLane(store);
    const id = await put(store, lane);
    const now = store.clock.now();
    const worker = { tenantSeq: lane.tenantSeq, name: 'gpu-1', capacity: 4 };
    await take(store, [lane], { leaseMs: 30_000, leaseEnd: 'retry', leaseRetries: 2, worker });
    const { seq: workerSeq } = await store.reader.findOneByOrFail(WorkerRow, { name: 'gpu-1' });
    expect(await rowOf(store, id)).toMatchObject({
      state: 2,
      epoch: 1,
      ownerSeq: null,
      workerSeq,
      leasedAt: now,
      leaseUntil: now + 30_000,
      leaseMs: 30_000,
      leaseEnd: 'retry',
      leaseRetries: 2,
    });
    expect(await laneRow(store, lane)).toMatchObject({ takenCount: 1 });
  });

  it('remembers a worker once, and when it was seen last', async () => {
    const lane = await seedLane(store);
    const worker = { tenantSeq: lane.tenantSeq, name: 'gpu-1', capacity: 4 };
    await take(store, [lane], { worker });
    store.clock.advance(5_000);
    await Promise.all([take(store, [lane], { worker: { ...worker, capacity: 8 } }), take(store, [lane], { worker })]);
    const workers = await store.reader.find(WorkerRow);
    expect(workers).toMatchObject([{ createdAt: store.clock.now() - 5_000, lastSeenAt: store.clock.now() }]);
  });

  describe('by a worker who gets nothing', () => {
    const asked = async (tenantSeq: number) =>
      (await store.pull.workers(tenantSeq)).map((worker) => [
        worker.name,
        worker.asked.map(({ laneSeq, isRecent }) => (isRecent ? laneSeq : -laneSeq)),
      ]);

    it('is remembered, with what he asked for', async () => {
      const lane = await seedLane(store);
      const other = await seedLane(store, 0, lane);
      const worker = { tenantSeq: lane.tenantSeq, name: 'gpu-1', capacity: 4 };
      expect(await take(store, [lane], { worker })).toEqual([]);
      expect(await asked(lane.tenantSeq)).toEqual([['gpu-1', [lane.laneSeq]]]);
      store.clock.advance(60_000);
      // Two who call themselves the same, in one moment.
      await Promise.all([take(store, [other], { worker }), take(store, [], { worker })]);
      expect(await asked(lane.tenantSeq)).toEqual([['gpu-1', [lane.laneSeq, other.laneSeq]]]);
      store.clock.advance(60_001);
      expect(await asked(lane.tenantSeq)).toEqual([['gpu-1', [-lane.laneSeq, other.laneSeq]]]);
      await take(store, [other], { worker });
      expect(await asked(lane.tenantSeq)).toEqual([['gpu-1', [other.laneSeq]]]);
    });

    it('writes nothing while there is no news of him, and sees at once what comes in', async () => {
      const lane = await seedLane(store);
      const worker = { tenantSeq: lane.tenantSeq, name: 'gpu-1', capacity: 4 };
      const commits = async () => (await store.byHand.sum(CommitMarkRow, 'mark')) ?? 0;
      for (const who of [worker, null]) {
        await take(store, [lane], { worker: who });
        const before = await commits();
        for (const _ of range(1, 5)) expect(await take(store, [lane], { worker: who })).toEqual([]);
        expect(await commits()).toBe(before);
        await put(store, lane);
        expect(await take(store, [lane], { worker: who })).toHaveLength(1);
      }
    });

    it('is written once in a while, however often he asks', async () => {
      const lane = await seedLane(store);
      const worker = { tenantSeq: lane.tenantSeq, name: 'gpu-1', capacity: 4 };
      const seenAt = async () => (await store.pull.workers(lane.tenantSeq))[0]!.lastSeenAt;
      const startAt = store.clock.now();
      const written = new Set<number>();
      for (; store.clock.now() < startAt + 20_000; store.clock.advance(500)) {
        await take(store, [lane], { worker });
        await store.pull.heartbeat({ claims: [], worker });
        written.add(await seenAt());
      }
      expect([...written].map((at) => at - startAt)).toEqual([0, 5_000, 10_000, 15_000]);
    });
  });

  it('gives nothing of lanes that are empty, unknown, paused or scheduled', async () => {
    const [empty, paused, later] = [await seedLane(store), await seedLane(store), await seedLane(store)];
    await put(store, paused);
    await setPaused(store, paused, true);
    await put(store, later, { availableAt: store.clock.now() + 1 });
    const unknown = { ...empty, laneSeq: 987_654 };
    expect(await take(store, [empty, unknown, paused, later])).toEqual([]);
    await setPaused(store, paused, false);
    expect(await take(store, [empty, unknown, paused, later])).toHaveLength(1);
  });

  it('gives nothing whose time is over', async () => {
    const lane = await seedLane(store);
    const [short, long] = [await put(store, lane, { ttlMs: 1_000 }), await put(store, lane, { ttlMs: 1_001 })];
    store.clock.advance(1_000);
    expect(idsOf(await take(store, [lane]))).toEqual([long]);
    expect(await rowOf(store, short)).toMatchObject({ state: 1 });
  });

  it('gives only what is old enough', async () => {
    const lane = await seedLane(store);
    const [first] = await putApart(store, [lane]);
    store.clock.advance(999);
    await put(store, lane);
    expect(idsOf(await take(store, [lane], { minAgeMs: 1_000 }))).toEqual([first]);
    expect(await take(store, [lane], { minAgeMs: 1 })).toEqual([]);
    expect(await take(store, [lane])).toHaveLength(1);
  });

  it('gives lines of a batch, and none of one that was stopped', async () => {
    const lane = await seedLane(store);
    const [stopped, running] = [await seedBatch(store, lane, 2), await seedBatch(store, lane, 2)];
    await store.batches.cancel(lane.tenantSeq, stopped.id);
    const seqs = (await take(store, [lane])).map(({ seq }) => seq);
    const tasks = await store.singles.bySeqs(seqs, null, true);
    expect(tasks.map(({ batchId, line }) => [batchId, line])).toEqual([
      [running.id, 1],
      [running.id, 2],
    ]);
    expect(tasks[0]).toMatchObject({ id: null, endpoint: '/v1/chat/completions', body: null, bodyLength: 99 });
    expect(tasks[0]!.expiresAt).toBe(store.clock.now() + WINDOW_MS);
  });

  it('shares tasks with dispatchers and with other takers: each goes to one', async () => {
    const lane = await seedLane(store);
    await store.singles.put(range(1, 100).map(() => newTask(lane)));
    const leases = await Promise.all(
      range(1, 30).map((n) =>
        n % 3 === 0 ? lease(store, lane, 4) : store.pull.take(takeRequest([lane], { size: 4 })),
      ),
    );
    const seqs = leases.flat().map(({ seq }) => seq);
    expect(seqs).toHaveLength(100);
    expect(new Set(seqs).size).toBe(100);
  });

  it('takes a lane that is listed twice once', async () => {
    const lane = await seedLane(store);
    await putApart(store, [lane, lane]);
    for (const strategy of ['fifo', 'round_robin', 'active_passive', 'sequential'] as const) {
      const leases = await take(store, [lane, lane], { strategy, size: 2 });
      expect(new Set(leases.map(({ seq }) => seq)).size).toBe(leases.length);
      await store.pull.release(leases.map((held) => claimOf(held, lane)));
    }
  });
}

function exerciseStrategies(store: TestStore): void {
  /** Tasks a1 b1 a2 b2 c1 a3, in that order, in three lanes. */
  async function seedThree() {
    const [a, b, c] = [await seedLane(store), await seedLane(store), await seedLane(store)];
    const ids = await putApart(store, [a, b, a, b, c, a]);
    const names = new Map(ids.map((id, index) => [id, ['a1', 'b1', 'a2', 'b2', 'c1', 'a3'][index]!]));
    return { lanes: [a, b, c], namesOf: (tasks: { id: string }[]) => tasks.map(({ id }) => names.get(id)) };
  }

  it.each([
    ['fifo', 4, ['a1', 'b1', 'a2', 'b2']],
    ['fifo', 10, ['a1', 'b1', 'a2', 'b2', 'c1', 'a3']],
    ['round_robin', 4, ['a1', 'b1', 'c1', 'a2']],
    ['round_robin', 10, ['a1', 'b1', 'c1', 'a2', 'b2', 'a3']],
    ['active_passive', 4, ['a1', 'a2', 'a3', 'b1']],
    ['active_passive', 10, ['a1', 'a2', 'a3', 'b1', 'b2', 'c1']],
    ['sequential', 1, ['a1', 'b1', 'c1']],
  ] as const)('%s, %i at most', async (strategy, size, expected) => {
    const { lanes, namesOf } = await seedThree();
    expect(namesOf(await take(store, lanes, { strategy, size }))).toEqual(expected);
  });

  it('goes by the order of the list, not of the lanes', async () => {
    const { lanes, namesOf } = await seedThree();
    const turned = lanes.toReversed();
    expect(namesOf(await take(store, turned, { strategy: 'round_robin', size: 3 }))).toEqual(['c1', 'b1', 'a1']);
    expect(namesOf(await take(store, turned, { strategy: 'active_passive', size: 2 }))).toEqual(['b2', 'a2']);
  });

  it('fifo of tasks of one millisecond goes by their numbers', async () => {
    const lanes = [await seedLane(store), await seedLane(store)];
    const tasks = range(0, 9).map((n) => newTask(lanes[n % 2]!));
    await store.singles.put(tasks);
    expect(idsOf(await take(store, lanes.toReversed(), { size: 10 }))).toEqual(tasks.map(({ id }) => id));
  });

  it('fifo reads on where one lane holds all the old ones', async () => {
    const lanes = [await seedLane(store), await seedLane(store), await seedLane(store)];
    const ids = await putApart(store, [...Array(30).fill(lanes[2]), lanes[0]]);
    expect(idsOf(await take(store, lanes, { size: 30 }))).toEqual(ids.slice(0, 30));
  });

  it('puts a task that comes back to where it was', async () => {
    const lane = await seedLane(store);
    const ids = await putApart(store, [lane, lane, lane]);
    const [first, second] = await take(store, [lane], { size: 2 });
    await store.pull.release([claimOf(second!, lane)]);
    await store.pull.release([claimOf(first!, lane)]);
    expect(idsOf(await take(store, [lane]))).toEqual(ids);
  });
}

function exerciseSequential(store: TestStore): void {
  const sequential = { strategy: 'sequential', size: 1 } as const;

  it('gives one of each lane, and no more while it is held', async () => {
    const [a, b] = [await seedLane(store), await seedLane(store)];
    await putApart(store, [a, a, b]);
    expect(await take(store, [a, b], sequential)).toHaveLength(2);
    expect(await take(store, [a, b], sequential)).toEqual([]);
  });

  it('gives one to many who ask at once', async () => {
    const lane = await seedLane(store);
    await putApart(store, Array(20).fill(lane));
    const leases = await Promise.all(range(1, 20).map(() => take(store, [lane], sequential)));
    expect(leases.flat()).toHaveLength(1);
  });

  it.each(['completed', 'failed', 'released', 'cancelled', 'expired', 'overdue', 'given back'])(
    'goes on when the one before is %s',
    async (how) => {
      const lane = await seedLane(store);
      const [first] = await putApart(store, [lane]);
      const [held] = await take(store, [lane], { ...sequential, leaseMs: 1_000, leaseEnd: 'fail' });
      await put(store, lane, { ttlMs: 10 * WINDOW_MS });
      expect(await take(store, [lane], sequential)).toEqual([]);
      if (how === 'completed') await store.pull.complete([completionOf(held!, lane)]);
      if (how === 'failed')
        await store.pull.fail([
          { ...claimOf(held!, lane), code: 'x', message: 'x', retryAfterMs: 9_000, isFinal: false, defaultMaxTries: 9 },
        ]);
      if (how === 'released') await store.pull.release([claimOf(held!, lane)]);
      if (how === 'cancelled')
        await store.singles.cancel([{ key: { id: first! }, tenantSeq: lane.tenantSeq, by: null }]);
      if (how === 'expired') {
        store.clock.advance(WINDOW_MS);
        await store.pull.expire();
      }
      if (how === 'overdue') {
        store.clock.advance(1_000);
        await store.pull.endOverdue(5);
      }
      if (how === 'given back')
        await store.tasks.giveBack({
          seq: held!.seq,
          epoch: held!.epoch,
          laneSeq: lane.laneSeq,
          availableAt: null,
          isTry: false,
          isLoss: false,
          attempt: null,
        });
      expect(await take(store, [lane], sequential)).toHaveLength(1);
      expect(await take(store, [lane], sequential)).toEqual([]);
    },
  );

  it('does not hold up the other strategies, nor they it', async () => {
    const lane = await seedLane(store);
    await putApart(store, [lane, lane, lane, lane]);
    await take(store, [lane], { strategy: 'fifo', size: 1 });
    expect(await take(store, [lane], sequential)).toHaveLength(1);
    expect(await take(store, [lane], { strategy: 'fifo', size: 1 })).toHaveLength(1);
    expect(await take(store, [lane], sequential)).toEqual([]);
  });

  it('is not freed by who held it before', async () => {
    const lane = await seedLane(store);
    await putApart(store, [lane, lane]);
    const [old] = await take(store, [lane], sequential);
    await store.pull.release([claimOf(old!, lane)]);
    const [held] = await take(store, [lane], sequential);
    expect(held).toMatchObject({ seq: old!.seq, epoch: 2 });
    await store.pull.release([claimOf(old!, lane)]);
    expect(await take(store, [lane], sequential)).toEqual([]);
  });
}

function exerciseLimits(store: TestStore): void {
  it('leaves the limit of a queue to be shared by all its levels and consumers', async () => {
    const lane = await seedLane(store);
    const online = await seedLane(store, 0, lane);
    await setQueue(store, lane, { maxConcurrency: 5 });
    await putApart(store, [...Array(6).fill(lane), ...Array(6).fill(online)]);
    expect(await lease(store, lane, 2)).toHaveLength(2);
    expect(await take(store, [lane, online], { size: 10 })).toHaveLength(3);
    expect(await lease(store, online, 10)).toEqual([]);
    expect(await take(store, [online])).toEqual([]);
  });

  it('has room again as soon as one ends or comes back', async () => {
    const lane = await seedLane(store);
    await setQueue(store, lane, { maxConcurrency: 2 });
    await putApart(store, [lane, lane, lane, lane]);
    const [first, second] = await take(store, [lane]);
    expect(await take(store, [lane])).toEqual([]);
    await store.pull.complete([completionOf(first!, lane)]);
    expect(await take(store, [lane])).toHaveLength(1);
    await store.pull.release([claimOf(second!, lane)]);
    expect(idsOf(await take(store, [lane]))).toEqual([second!.id]);
  });

  it('is kept by many who ask at once', async () => {
    const lane = await seedLane(store);
    await setQueue(store, lane, { maxConcurrency: 7 });
    await store.singles.put(range(1, 50).map(() => newTask(lane)));
    const leases = await Promise.all(
      range(1, 20).map((n) =>
        n % 2 === 0 ? lease(store, lane, 2) : store.pull.take(takeRequest([lane], { size: 2 })),
      ),
    );
    expect(leases.flat()).toHaveLength(7);
  });

  it('gives of a queue no more than its rate allows just now, and of others what there is', async () => {
    const [slow, other] = [await seedLane(store), await seedLane(store)];
    await putApart(store, [slow, slow, slow, other, other]);
    const allowances = [{ queueSeq: slow.queueSeq, count: 2 }];
    expect((await take(store, [slow, other], { allowances })).map(({ queueSeq }) => queueSeq)).toEqual([
      slow.queueSeq,
      slow.queueSeq,
      other.queueSeq,
      other.queueSeq,
    ]);
    expect(await take(store, [slow], { allowances: [{ queueSeq: slow.queueSeq, count: 0 }] })).toEqual([]);
  });
}
