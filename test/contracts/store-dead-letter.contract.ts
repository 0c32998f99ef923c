import { In } from 'typeorm';
import { describe, expect, it } from 'vitest';
import { AttemptRow } from '../../src/store/entities/attempt.entity.js';
import { AuditEntryRow } from '../../src/store/entities/audit-entry.entity.js';
import { TaskAliasRow } from '../../src/store/entities/task-alias.entity.js';
import { TaskBodyRow } from '../../src/store/entities/task-body.entity.js';
import { TaskEventRow } from '../../src/store/entities/task-event.entity.js';
import { TaskResultRow } from '../../src/store/entities/task-result.entity.js';
import { TaskRow } from '../../src/store/entities/task.entity.js';
import { SWEEP_ROWS } from '../../src/store/procedures/task.procedures.js';
import type { TestStore } from '../support/store-factory.js';
import { laneRow, range, seedLane, seedTenant, type SeededLane } from '../support/store-seeds.js';
import {
  completionOf,
  failureOf,
  newTask,
  put,
  putApart,
  rowOf,
  setQueue,
  stateOf,
  take,
  TTL_MS,
} from '../support/task-seeds.js';

/** What people do with tasks that have failed. */
export function exerciseStoreDeadLetters(store: TestStore): void {
  describe('a dead letter', () => exerciseDeadLetters(store));
  describe('many dead letters', () => exerciseDrops(store));
}

/** Tasks of a lane that have failed. */
async function fail(store: TestStore, lane: SeededLane, count: number): Promise<string[]> {
  const ids = await putApart(store, Array(count).fill(lane));
  const held = await take(store, [lane], { size: count });
  await store.pull.fail(held.map((task) => failureOf(task, lane, { isFinal: true })));
  return ids;
}

const request = ({ tenantSeq }: SeededLane, ids: string[]) => ({ ids, tenantSeq, by: 'key_7' });

function exerciseDeadLetters(store: TestStore): void {
  const redrive = (lane: SeededLane, ids: string[]) =>
    store.deadLetters.redrive({ ...request(lane, ids), ttlMs: TTL_MS });

  it('is listed in order, page by page', async () => {
    const lane = await seedLane(store);
    const ids = await fail(store, lane, 5);
    await put(store, lane);
    const first = await store.deadLetters.page(lane.queueSeq, null, 3);
    const second = await store.deadLetters.page(lane.queueSeq, first.at(-1)!.seq, 3);
    expect([...first, ...second].map(({ id }) => id)).toEqual(ids);
  });

  it('that is redriven is new, in its old place', async () => {
    const lane = await seedLane(store);
    const [id] = await fail(store, lane, 1);
    const { seq } = await rowOf(store, id!);
    const younger = await put(store, lane);
    store.clock.advance(2 * TTL_MS);
    const { outcomes, aftermath } = await redrive(lane, [id!]);
    expect([outcomes, aftermath.readyLaneSeqs]).toEqual([['redriven'], [lane.laneSeq]]);
    expect(await rowOf(store, id!)).toMatchObject({
      seq,
      state: 1,
      tries: 0,
      endedAt: null,
      expiresAt: store.clock.now() + TTL_MS,
    });
    expect(await store.reader.countBy(TaskResultRow, { taskSeq: seq })).toBe(0);
    expect(await store.reader.countBy(AttemptRow, { taskSeq: seq })).toBe(1);
    await store.pull.expire();
    expect(await stateOf(store, younger)).toBe('expired');
    const [task] = await take(store, [lane]);
    expect(task).toMatchObject({ id, epoch: 2 });
    expect((await store.pull.complete([completionOf(task!, lane)])).outcomes).toEqual(['done']);
    expect(await laneRow(store, lane)).toMatchObject({
      putCount: 3,
      failedCount: 1,
      completedCount: 1,
      expiredCount: 1,
    });
  });

  it('is redriven once, by its queue’s owner, and only where it can run', async () => {
    const lane = await seedLane(store);
    const [id, cleared] = await fail(store, lane, 2);
    const live = await put(store, lane);
    const stranger = { ...lane, tenantSeq: await seedTenant(store) };
    expect((await redrive(stranger, [id!])).outcomes).toEqual(['unknown']);
    expect((await redrive(lane, [id!, id!, live, 'task_x'])).outcomes).toEqual([
      'redriven',
      'not_failed',
      'not_failed',
      'unknown',
    ]);
    await store.pull.clear(lane.laneSeq, 'key_7');
    expect((await redrive(lane, [cleared!])).outcomes).toEqual(['cleared']);
    expect(await store.reader.countBy(AuditEntryRow, { action: 'task.redrive' })).toBe(1);
  });

  it('that is dropped is gone with all that belongs to it', async () => {
    const lane = await seedLane(store);
    const [id, other] = await fail(store, lane, 2);
    const { seq } = await rowOf(store, id!);
    expect(await store.deadLetters.drop(request(lane, [id!, 'task_x']))).toEqual([true, false]);
    for (const entity of [TaskBodyRow, TaskResultRow, AttemptRow]) {
      expect(await store.reader.countBy(entity, { taskSeq: seq })).toBe(0);
    }
    expect((await store.reader.find(TaskRow)).map((row) => row.id)).toEqual([other]);
    expect(await store.reader.findBy(AuditEntryRow, { action: 'task.drop' })).toMatchObject([{ subject: id }]);
  });

  it('does not make a queue look full', async () => {
    const lane = await seedLane(store);
    await setQueue(store, lane, { maxDepth: 1 });
    await put(store, lane);
    const [task] = await take(store, [lane]);
    await store.pull.fail([failureOf(task!, lane, { isFinal: true })]);
    expect(await store.singles.put([newTask(lane)])).toMatchObject([{ kind: 'put' }]);
    await redrive(lane, [task!.id]);
    expect(await store.singles.put([newTask(lane)])).toMatchObject([{ kind: 'refused' }]);
  });
}

function exerciseDrops(store: TestStore): void {
  const SIDE = [TaskBodyRow, TaskResultRow, TaskEventRow, TaskAliasRow, AttemptRow];

  /** Gives tasks what most have none of. */
  async function adorn(ids: readonly string[]): Promise<number[]> {
    const seqs: number[] = [];
    for (const id of ids) {
      const { seq: taskSeq } = await rowOf(store, id);
      await store.byHand.insert(TaskAliasRow, { taskSeq, dialect: 'celery', scope: 's', alias: id });
      await store.byHand.insert(
        TaskEventRow,
        [1, 2].map((n) => ({ taskSeq, n, epoch: 1, events: '[]', createdAt: 1 })),
      );
      seqs.push(taskSeq);
    }
    return seqs;
  }
  const countOf = async (seqs: readonly number[]) => {
    const counts = SIDE.map((entity) => store.reader.countBy(entity, { taskSeq: In([...seqs]) }));
    return Promise.all(counts);
  };

  it('are dropped with all that belongs to them, and nothing else is', async () => {
    const [lane, other] = [await seedLane(store), await seedLane(store)];
    const [first, kept, second] = await fail(store, lane, 3);
    const [foreign] = await fail(store, other, 1);
    const live = await put(store, lane);
    const gone = await adorn([first!, second!]);
    const staying = await adorn([kept!, foreign!]);
    expect(await countOf(gone)).toEqual([2, 2, 4, 2, 2]);
    const asked = [first!, foreign!, 'task_x', second!, live, second!];
    expect(await store.deadLetters.drop(request(lane, asked))).toEqual([true, false, false, true, false, false]);
    expect(await countOf(gone)).toEqual([0, 0, 0, 0, 0]);
    expect(await countOf(staying)).toEqual([2, 2, 4, 2, 2]);
    const left = await store.reader.find(TaskRow, { order: { seq: 'ASC' } });
    expect(left.map(({ id }) => id)).toEqual([kept, foreign, live]);
    const acts = await store.reader.find(AuditEntryRow, { order: { seq: 'ASC' } });
    expect(acts).toMatchObject(
      [first, second].map((subject) => ({ action: 'task.drop', actor: 'key_7', subject, tenantSeq: lane.tenantSeq })),
    );
    expect(acts.map(({ detail }) => detail)).toEqual(['{"tries":1}', '{"tries":1}']);
  });

  it('are dropped as far as one transaction may go, one at least', async () => {
    const lane = await seedLane(store);
    const [first, second, heavy, last] = await fail(store, lane, 4);
    const { seq: taskSeq } = await rowOf(store, heavy!);
    const attempt = { taskSeq, startedAt: 1, endedAt: 2, outcome: 'lost' };
    await store.byHand.insert(
      AttemptRow,
      range(2, SWEEP_ROWS).map((epoch) => ({ ...attempt, epoch })),
    );
    const drop = (...ids: (string | undefined)[]) => store.deadLetters.drop(request(lane, ids.map(String)));
    expect(await drop(first, second, heavy, last)).toEqual([true, true]);
    expect(await drop(heavy, last)).toEqual([true]);
    expect(await drop(last)).toEqual([true]);
    expect([await store.reader.count(TaskRow), await store.reader.count(AttemptRow)]).toEqual([0, 0]);
  });
}
