import { describe, expect, it } from 'vitest';
import type { LeaseEnd } from '../../src/kernel/pull.js';
import { AttemptRow } from '../../src/store/entities/attempt.entity.js';
import { TaskResultRow } from '../../src/store/entities/task-result.entity.js';
import { TaskRow } from '../../src/store/entities/task.entity.js';
import type { TestStore } from '../support/store-factory.js';
import { answerTo, laneRow, lease, range, seedBatch, seedLane, type SeededLane } from '../support/store-seeds.js';
import {
  claimOf,
  completionOf,
  failureOf,
  idsOf,
  MAX_TRIES,
  put,
  putApart,
  rowOf,
  setQueue,
  stateOf,
  take,
} from '../support/task-seeds.js';

/** How leases run out, and what running tasks say. */
export function exerciseStoreLeaseEnds(store: TestStore): void {
  describe('a lease that runs out', () => exerciseLeaseEnds(store));
  describe('progress', () => exerciseProgress(store));
}

function resultOf(store: TestStore, { seq }: { seq: number }): Promise<TaskResultRow | null> {
  return store.reader.findOneBy(TaskResultRow, { taskSeq: seq });
}

function exerciseLeaseEnds(store: TestStore): void {
  /** A task whose lease has run out `times` times, as often as it was taken. */
  async function runOut(
    leaseEnd: LeaseEnd,
    leaseRetries: number,
    times: number,
    mode: 'callback' | 'streaming' = 'callback',
  ) {
    const lane = await seedLane(store);
    const id = await put(store, lane, { mode });
    const ended: string[] = [];
    for (const _ of range(1, times)) {
      await store.tasks.promote();
      expect(idsOf(await take(store, [lane], { leaseMs: 1_000, leaseEnd, leaseRetries }))).toEqual([id]);
      store.clock.advance(999);
      expect(await store.pull.hasOverdue()).toBe(false);
      store.clock.advance(1);
      expect(await store.pull.hasOverdue()).toBe(true);
      const { aftermath } = await store.pull.endOverdue(MAX_TRIES);
      ended.push(...aftermath.endedIds);
      store.clock.advance(60_000);
    }
    return { lane, id, ended, row: await rowOf(store, id) };
  }

  it('goes back to its place n times, and is then completed with 408', async () => {
    const twice = await runOut('complete_408', 2, 2);
    expect(twice.row).toMatchObject({ state: 1, tries: 2 });
    const thrice = await runOut('complete_408', 2, 3);
    expect(thrice.row).toMatchObject({ state: 3, tries: 3, statusCode: 408 });
    expect(thrice.ended).toEqual([thrice.id]);
    expect(await resultOf(store, thrice.row)).toMatchObject({ statusCode: 408, requestId: thrice.id, body: null });
    expect(await store.reader.countBy(AttemptRow, { taskSeq: thrice.row.seq, outcome: 'lost' })).toBe(3);
  });

  it('goes back for ever when asked to', async () => {
    expect((await runOut('complete_408', -1, 12)).row).toMatchObject({ state: 1, tries: 12 });
  });

  it('is tried again after a while, and fails in the end', async () => {
    const { row } = await runOut('retry', 0, 1);
    expect(row).toMatchObject({ state: 0, tries: 1 });
    expect(row.availableAt).not.toBeNull();
    expect((await runOut('retry', 0, MAX_TRIES)).row).toMatchObject({ state: 4, tries: MAX_TRIES });
  });

  it.each([
    ['fail', 4, 'failedCount'],
    ['expire', 5, 'expiredCount'],
  ] as const)('ends it at once with %s', async (leaseEnd, state, count) => {
    const { row, lane, id, ended } = await runOut(leaseEnd, 0, 1);
    expect(row).toMatchObject({ state });
    expect(ended).toEqual([id]);
    expect(await resultOf(store, row)).toMatchObject({ errorCode: 'lease_expired' });
    expect(await laneRow(store, lane)).toMatchObject({ [count]: 1 });
  });

  it('leaves alone what was kept by heartbeats, completed or given back', async () => {
    const lane = await seedLane(store);
    await putApart(store, [lane, lane, lane]);
    const [kept, done, released] = await take(store, [lane], { leaseMs: 1_000 });
    store.clock.advance(999);
    await store.pull.heartbeat({ claims: [claimOf(kept!, lane)], worker: null });
    await store.pull.complete([completionOf(done!, lane)]);
    await store.pull.release([claimOf(released!, lane)]);
    store.clock.advance(1);
    expect(await store.pull.hasOverdue()).toBe(false);
    await store.pull.endOverdue(MAX_TRIES);
    expect(await Promise.all([kept!, done!, released!].map(({ id }) => stateOf(store, id)))).toEqual([
      'leased',
      'completed',
      'ready',
    ]);
  });

  it('refuses who comes after it', async () => {
    const lane = await seedLane(store);
    await put(store, lane);
    const [task] = await take(store, [lane], { leaseMs: 1_000, leaseRetries: 1 });
    store.clock.advance(1_000);
    await store.pull.endOverdue(MAX_TRIES);
    expect((await store.pull.complete([completionOf(task!, lane)])).outcomes).toEqual(['lost']);
    expect((await store.pull.fail([failureOf(task!, lane)])).outcomes).toEqual(['lost']);
    expect((await store.pull.release([claimOf(task!, lane)])).outcomes).toEqual(['lost']);
    expect(await stateOf(store, task!.id)).toBe('ready');
  });

  it('of a line counts in its batch', async () => {
    const lane = await seedLane(store);
    const batch = await seedBatch(store, lane, 1);
    await take(store, [lane], { leaseMs: 1_000 });
    store.clock.advance(1_000);
    expect((await store.pull.endOverdue(MAX_TRIES)).aftermath.doneBatchSeqs).toEqual([batch.seq]);
    const [line] = await store.batches.endedLines(batch.seq, 0, 1);
    expect(line).toMatchObject({ statusCode: 408, body: expect.stringContaining('lease') });
  });

  it('of a task that expires meanwhile makes room where there is a limit or a lock', async () => {
    const lanes = await Promise.all([1, 2, 3, 4].map(() => seedLane(store)));
    const [limited, locked, free, waiting] = lanes as [SeededLane, SeededLane, SeededLane, SeededLane];
    for (const lane of [limited, waiting]) await setQueue(store, lane, { maxConcurrency: 1 });
    for (const lane of lanes) await put(store, lane, { ttlMs: 1_000 });
    await take(store, [limited, free]);
    await take(store, [locked], { strategy: 'sequential' });
    store.clock.advance(1_000);
    const { aftermath } = await store.pull.expire();
    expect(new Set(aftermath.readyLaneSeqs)).toEqual(new Set([limited.laneSeq, locked.laneSeq]));
    expect(aftermath.endedIds).toHaveLength(4);
  });
}

function exerciseProgress(store: TestStore): void {
  const event = (data: string) => ({ id: null, name: 'token', data });

  it('is numbered from 1 and read back in order', async () => {
    const lane = await seedLane(store);
    await put(store, lane, { mode: 'streaming' });
    const [task] = await take(store, [lane]);
    const say = (...data: string[]) =>
      store.singles.appendEvents({ ...claimOf(task!, lane), events: data.map(event), firstN: null, laneSeq: null });
    const outcomes = await Promise.all([say('1', '2'), say('3'), say()]);
    expect(outcomes.map(({ lastN }) => lastN)).toEqual([2, 3, null]);
    expect(await store.singles.events(task!.seq, 0)).toEqual([
      { n: 2, events: [event('1'), event('2')] },
      { n: 3, events: [event('3')] },
    ]);
    expect(await store.singles.events(task!.seq, 2)).toMatchObject([{ n: 3 }]);
    expect(await store.singles.events(task!.seq, 3)).toEqual([]);
  });

  it('is read in pages that large events make shorter', async () => {
    const lane = await seedLane(store);
    await put(store, lane, { mode: 'streaming' });
    const [task] = await take(store, [lane]);
    const large = event(JSON.stringify('x'.repeat(3_000_000)));
    for (let n = 0; n < 3; n += 1) {
      await store.singles.appendEvents({ ...claimOf(task!, lane), events: [large], firstN: null, laneSeq: null });
    }
    const numbers = async (after: number) => (await store.singles.events(task!.seq, after)).map(({ n }) => n);
    expect(await Promise.all([0, 1, 2, 3].map(numbers))).toEqual([[1, 2], [2, 3], [3], []]);
  });

  it.each(['worker', 'dispatcher'])('that is counted by the %s who says it is stored once', async (who) => {
    const lane = await seedLane(store);
    await put(store, lane, { mode: 'streaming' });
    const [task] = await take(store, [lane]);
    const laneSeq = who === 'worker' ? null : lane.laneSeq;
    const say = (firstN: number) =>
      store.singles.appendEvents({ ...claimOf(task!, lane), events: [event('1')], firstN, laneSeq });
    expect(await say(1)).toMatchObject({ verdict: 'done', lastN: 1 });
    expect(await say(1)).toMatchObject({ verdict: who === 'worker' ? 'repeated' : 'done', lastN: 1 });
    expect(await say(2)).toMatchObject({ verdict: 'done', lastN: 2 });
    expect(await store.singles.events(task!.seq, 0)).toMatchObject([{ n: 1 }, { n: 2 }]);
  });

  it('that comes with the end is stored with it, or not at all', async () => {
    const lane = await seedLane(store);
    await put(store, lane, { mode: 'streaming' });
    const [task] = await lease(store, lane, 1);
    const said = { key: { id: task!.id! }, epoch: task!.epoch, tenantSeq: lane.tenantSeq, laneSeq: lane.laneSeq };
    await store.singles.appendEvents({ ...said, events: [event('1')], firstN: 1 });
    const lastWords = { firstN: 2, events: [event('2'), event('3')] };
    const late = answerTo({ ...task!, epoch: task!.epoch + 1 }, lane, { lastWords });
    expect(await store.tasks.finish(late)).toMatchObject({ isRecorded: false });
    expect(await store.singles.events(task!.seq, 0)).toMatchObject([{ n: 1 }]);
    expect(await store.tasks.finish(answerTo(task!, lane, { lastWords }))).toMatchObject({ isRecorded: true });
    expect(await store.singles.events(task!.seq, 1)).toEqual([{ n: 3, events: lastWords.events }]);
  });

  it('of a line is kept like that of any task, and does not keep it from being tried again', async () => {
    const lane = await seedLane(store);
    const batch = await seedBatch(store, lane, 1);
    const say = (epoch: number) =>
      store.singles.appendEvents({
        key: { batchId: batch.id, line: 1 },
        epoch,
        tenantSeq: lane.tenantSeq,
        events: [event(`of ${epoch}`)],
        firstN: null,
        laneSeq: null,
      });
    const [first] = await take(store, [lane]);
    expect(await say(first!.epoch)).toMatchObject({ verdict: 'done', lastN: 1 });
    await store.pull.release([{ ...claimOf(first!, lane), key: { batchId: batch.id, line: 1 } }]);
    const [second] = await take(store, [lane]);
    expect(await say(first!.epoch)).toMatchObject({ verdict: 'lost', lastN: null });
    expect(await say(second!.epoch)).toMatchObject({ verdict: 'done', lastN: 2 });
    expect(await store.singles.events(first!.seq, 0)).toEqual([
      { n: 1, events: [event('of 1')] },
      { n: 2, events: [event('of 2')] },
    ]);
  });

  it('of one who lost the task is refused', async () => {
    const lane = await seedLane(store);
    await put(store, lane, { mode: 'streaming' });
    const [task] = await take(store, [lane]);
    await store.pull.release([claimOf(task!, lane)]);
    const outcome = await store.singles.appendEvents({
      ...claimOf(task!, lane),
      events: [event('1')],
      firstN: null,
      laneSeq: null,
    });
    expect(outcome).toMatchObject({ verdict: 'lost', lastN: null });
    expect(await store.singles.events(task!.seq, 0)).toEqual([]);
  });

  it.each(['lease', 'failure', 'release', 'server'])('makes a stream end where its attempt ends: %s', async (how) => {
    const lane = await seedLane(store);
    const id = await put(store, lane, { mode: 'streaming' });
    const [task] = await take(store, [lane], { leaseMs: 1_000, leaseRetries: 5 });
    await store.singles.appendEvents({ ...claimOf(task!, lane), events: [event('1')], firstN: null, laneSeq: null });
    if (how === 'failure') await store.pull.fail([failureOf(task!, lane)]);
    if (how === 'release') await store.pull.release([claimOf(task!, lane)]);
    if (how === 'lease') {
      store.clock.advance(1_000);
      await store.pull.endOverdue(MAX_TRIES);
    }
    if (how === 'server') {
      await store.byHand.update(TaskRow, { id }, { ownerSeq: 77 });
      await store.tasks.rescue(78);
    }
    expect(await stateOf(store, id)).toBe('failed');
    expect(await resultOf(store, task!)).toMatchObject({
      errorCode: how === 'failure' ? 'worker_error' : 'stream_interrupted',
    });
  });
}
