/** Several processes write to one store at once. Each contract here is about what two of them must agree on. */
import { describe, expect, it } from 'vitest';
import { newId } from '../../src/kernel/ids.js';
import { TenantRow } from '../../src/store/entities/tenant.entity.js';
import { TaskRow } from '../../src/store/entities/task.entity.js';
import type { TestStore } from '../support/store-factory.js';
import {
  answerTo,
  laneRow,
  lease,
  newBatch,
  newFile,
  range,
  seedBatch,
  seedFile,
  seedLane,
  seedTenant,
  insertLines,
} from '../support/store-seeds.js';
import { completionOf, newTask, put, setQueue, takeRequest } from '../support/task-seeds.js';

/** `stores`: as many processes, on one and the same store. */
export function exerciseStoreManyWriters(one: TestStore, two: TestStore): void {
  const both = [one, two];
  /** Eight callers, every other one in each process. */
  const callers = range(0, 7).map((n) => both[n % 2]!);

  describe('tasks', () => {
    it('are given out once, in order, and end once', async () => {
      const lane = await seedLane(one);
      const batch = await seedBatch(one, lane, 400);
      const seen: number[] = [];
      const work = async (store: TestStore) => {
        for (let tasks = await lease(store, lane, 7); tasks.length > 0; tasks = await lease(store, lane, 7)) {
          seen.push(...tasks.map(({ seq }) => seq));
          const ends = await Promise.all(tasks.map((task) => store.tasks.finish(answerTo(task, lane))));
          expect(ends.every(({ isRecorded }) => isRecorded)).toBe(true);
        }
      };
      await Promise.all(callers.map(work));
      expect(new Set(seen).size).toBe(400);
      expect(seen).toHaveLength(400);
      expect(await one.batches.bySeq(batch.seq)).toMatchObject({ completed: 400, failed: 0, state: 'finalizing' });
      expect(await laneRow(one, lane)).toMatchObject({ putCount: 400, takenCount: 400, completedCount: 400 });
    });

    it('are taken by one worker each', async () => {
      const lanes = [await seedLane(one), await seedLane(one)];
      for (const lane of lanes) for (const _ of range(1, 40)) await put(one, lane);
      const seen: number[] = [];
      const work = async (store: TestStore) => {
        for (;;) {
          const taken = await store.pull.take(takeRequest(lanes, { size: 5 }));
          if (taken.length === 0) return;
          seen.push(...taken.map(({ seq }) => seq));
        }
      };
      await Promise.all(callers.map(work));
      expect(seen).toHaveLength(80);
      expect(new Set(seen).size).toBe(80);
    });

    it('end once, although both processes hand an answer in', async () => {
      const lane = await seedLane(one);
      const ids: string[] = [];
      for (const _ of range(1, 30)) ids.push(await put(one, lane));
      await one.pull.take(takeRequest([lane], { size: 30 }));
      const verdicts = await Promise.all(
        ids.map((id, n) =>
          Promise.all(
            both.map((store, which) =>
              store.pull.complete([completionOf({ id, epoch: 1 }, lane, { body: `{"n":${n},"of":${which}}` })]),
            ),
          ),
        ),
      );
      for (const pair of verdicts) {
        expect(new Set(pair.map(({ outcomes }) => outcomes[0]))).toEqual(new Set(['done', 'lost']));
      }
      expect(await laneRow(one, lane)).toMatchObject({ completedCount: 30 });
    });
  });

  describe('limits', () => {
    it('of leases at once are exact, over all lanes of the queue', async () => {
      const lane = await seedLane(one, 1);
      const other = await seedLane(one, 2, lane);
      for (const each of [lane, other]) await seedBatch(one, each, 60);
      await setQueue(one, lane, { maxConcurrency: 5 });
      const work = async (store: TestStore, n: number) => {
        for (let left = 15; left > 0; left -= 1) {
          const own = n % 4 < 2 ? lane : other;
          const tasks = await lease(store, own, 3);
          await Promise.all(tasks.map((task) => store.tasks.finish(answerTo(task, own))));
        }
      };
      const watch = { isOver: false };
      const counts: number[] = [];
      const watching = (async () => {
        while (!watch.isOver) counts.push(await one.reader.countBy(TaskRow, { queueSeq: lane.queueSeq, state: 2 }));
      })();
      await Promise.all(callers.map(work));
      watch.isOver = true;
      await watching;
      expect(Math.max(...counts)).toBeLessThanOrEqual(5);
      expect(Math.max(...counts)).toBeGreaterThan(0);
    });

    it('of depth are exact', async () => {
      const lane = await seedLane(one);
      await setQueue(one, lane, { maxDepth: 10 });
      const outcomes = await Promise.all(
        range(1, 40).map((n) => both[n % 2]!.singles.put([newTask(lane, { id: newId('task') })])),
      );
      expect(outcomes.flat().filter(({ kind }) => kind === 'put')).toHaveLength(10);
      expect(await one.reader.countBy(TaskRow, { laneSeq: lane.laneSeq })).toBe(10);
    });

    it('of files and of queued lines are exact', async () => {
      const lane = await seedLane(one);
      const { tenantSeq } = lane;
      const batches = await Promise.all(
        range(1, 8).map(async () => (await one.batches.create(newBatch(await seedFile(one, tenantSeq)))).batch),
      );
      await one.byHand.update(TenantRow, { seq: tenantSeq }, { maxFiles: 12, maxQueuedLines: 30 });
      const files = await Promise.allSettled(range(1, 20).map((n) => both[n % 2]!.files.create(newFile(tenantSeq))));
      expect(files.filter(({ status }) => status === 'fulfilled')).toHaveLength(4);
      const begun = await Promise.all(batches.map((batch, n) => insertLines(both[n % 2]!, batch, lane, 0, 10)));
      expect(begun.filter(Boolean)).toHaveLength(3);
    });

    it('of one task at a time in a lane hold', async () => {
      const lane = await seedLane(one);
      for (const _ of range(1, 20)) await put(one, lane);
      const taken = await Promise.all(
        callers.map((store) => store.pull.take(takeRequest([lane], { strategy: 'sequential', size: 1 }))),
      );
      expect(taken.flat()).toHaveLength(1);
    });
  });

  describe('what is made once', () => {
    it('a task of one Idempotency-Key, also in different queues', async () => {
      const lane = await seedLane(one);
      const elsewhere = await seedLane(one);
      for (const n of range(1, 15)) {
        const idempotency = { key: `key-${n}`, requestHash: 'same' };
        const outcomes = await Promise.all(
          callers.map((store, which) => {
            const { laneSeq, queueSeq } = which % 3 === 0 ? elsewhere : lane;
            return store.singles.put([newTask({ ...lane, laneSeq, queueSeq }, { id: newId('task'), idempotency })]);
          }),
        );
        const puts = outcomes.flat().filter(({ kind }) => kind === 'put');
        expect(puts).toHaveLength(1);
        expect(new Set(outcomes.flat().map((outcome) => 'id' in outcome && outcome.id)).size).toBe(1);
      }
      expect(await one.reader.countBy(TaskRow, { tenantSeq: lane.tenantSeq })).toBe(15);
    });

    it('a task of one Idempotency-Key whose task of before is forgotten', async () => {
      const lane = await seedLane(one);
      const elsewhere = await seedLane(one);
      for (const n of range(1, 15)) {
        const idempotency = { key: `key-${n}`, requestHash: 'same' };
        const id = await put(one, lane, { idempotency });
        const [task] = await one.pull.take(takeRequest([lane], { size: 1 }));
        await one.pull.complete([completionOf({ ...task!, id }, lane)]);
        await one.retention.forgetTasks([task!.seq]);
        const outcomes = await Promise.all(
          callers.map((store, which) => {
            const { laneSeq, queueSeq } = which % 3 === 0 ? elsewhere : lane;
            return store.singles.put([newTask({ ...lane, laneSeq, queueSeq }, { idempotency })]);
          }),
        );
        expect(outcomes.flat().filter(({ kind }) => kind === 'put')).toHaveLength(1);
        const ids = new Set(outcomes.flat().map((outcome) => 'id' in outcome && outcome.id));
        expect([ids.size, ids.has(id)]).toEqual([1, false]);
        await one.pull.take(takeRequest([lane, elsewhere], { size: 1 }));
      }
    });

    it('a batch of one Idempotency-Key', async () => {
      const tenantSeq = await seedTenant(one);
      const file = await seedFile(one, tenantSeq);
      const idempotency = { key: 'once', requestHash: 'same' };
      const created = await Promise.all(callers.map((store) => store.batches.create(newBatch(file, { idempotency }))));
      expect(created.filter(({ isReplay }) => !isReplay)).toHaveLength(1);
      expect(new Set(created.map(({ batch }) => batch.seq)).size).toBe(1);
    });

    it('a tenant, a lane, a shared name', async () => {
      const name = newId('tenant');
      const tenants = await Promise.all(callers.map((store) => store.access.ensureTenant(name, newId('tenant'))));
      expect(new Set(tenants.map(({ seq }) => seq)).size).toBe(1);
      const lane = await seedLane(one);
      const lanes = await Promise.all(callers.map((store) => store.queues.ensureLane(lane.queueSeq, 7)));
      expect(new Set(lanes).size).toBe(1);
      const owners = await Promise.all(callers.map(() => seedTenant(one)));
      const made = await Promise.allSettled(
        callers.map((store, n) =>
          store.queues.createQueue({
            id: newId('queue'),
            tenantSeq: owners[n]!,
            name: 'wanted-by-all',
            visibility: n % 2 === 0 ? 'shared' : 'private',
            endpoint: null,
            models: '[]',
            consumers: '[]',
            upstreamSeq: null,
            by: 'admin',
          }),
        ),
      );
      // One shared one and nobody else, or private ones only.
      const kinds = made.flatMap((each) => (each.status === 'fulfilled' ? [each.value.visibility] : []));
      expect(kinds.length).toBeGreaterThan(0);
      expect(kinds.includes('shared') ? kinds.length : 1).toBe(1);
    });

    it('the lines of a batch', async () => {
      const lane = await seedLane(one);
      const { batch } = await one.batches.create(newBatch(await seedFile(one, lane.tenantSeq)));
      for (const from of [0, 100, 200]) {
        const accepted = await Promise.all(callers.map((store) => insertLines(store, batch, lane, from, 300, 100)));
        expect(accepted.filter(Boolean)).toHaveLength(1);
      }
      expect(await one.batches.bySeq(batch.seq)).toMatchObject({ ingested: 300, total: 300 });
      expect(await one.reader.countBy(TaskRow, { batchSeq: batch.seq })).toBe(300);
    });
  });
}
