import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { newId } from '../../src/kernel/ids.js';
import { BlobRow } from '../../src/store/entities/blob.entity.js';
import { FileRow } from '../../src/store/entities/file.entity.js';
import { LaneRow } from '../../src/store/entities/lane.entity.js';
import type { TestStore } from '../support/store-factory.js';
import {
  answerTo,
  insertLines,
  lease,
  linesOf,
  newBatch,
  newFile,
  range,
  returnOf,
  seedBatch,
  seedFile,
  seedLane,
  seedTenant,
} from '../support/store-seeds.js';

/** Writes of many callers share transactions, and yet none may feel another. */
export function exerciseStoreIsolation(store: TestStore): void {
  describe('a write that fails', () => exerciseFailures(store));
  describe('a reader', () => exerciseReader(store));
  describe('writes of every kind at once', () => exerciseMixtures(store));
}

function exerciseFailures(store: TestStore): void {
  it('among 499 good ones of the same moment takes none of them with it', async () => {
    const tenantSeq = await seedTenant(store);
    const taken = await seedFile(store, tenantSeq);
    const files = range(1, 500).map((n) => newFile(tenantSeq, n === 137 ? { id: taken.id } : {}));
    const answers = await Promise.allSettled(files.map((file) => store.files.create(file)));
    const failed = answers.flatMap(({ status }, index) => (status === 'rejected' ? [index + 1] : []));
    expect(failed).toEqual([137]);
    expect(await store.reader.countBy(FileRow, { tenantSeq })).toBe(500);
    expect(await store.reader.countBy(BlobRow, {})).toBe(500);
  });

  it('is told from one that is refused, and both from one that is done', async () => {
    const tenantSeq = await seedTenant(store);
    const file = await seedFile(store, tenantSeq);
    const [done, refused, failed, alsoDone] = await Promise.allSettled([
      store.files.create(newFile(tenantSeq)),
      store.files.delete(tenantSeq, newId('file')),
      store.files.create(newFile(tenantSeq, { id: file.id })),
      store.files.delete(tenantSeq, file.id),
    ]);
    expect([done.status, alsoDone.status]).toEqual(['fulfilled', 'fulfilled']);
    expect(refused).toMatchObject({ reason: { name: 'MillraceError', code: 'not_found' } });
    expect(failed).toMatchObject({ reason: { name: 'Error' } });
    expect(await store.files.find(tenantSeq, file.id)).toBeNull();
  });

  it('half-way undoes its first half, also beside others', async () => {
    const tenantSeq = await seedTenant(store);
    const file = await seedFile(store, tenantSeq);
    // The blob goes in, then the file's id is found to be taken.
    const broken = range(1, 20).map(() => newFile(tenantSeq, { id: file.id }));
    const good = range(1, 20).map(() => newFile(tenantSeq));
    await Promise.allSettled(
      range(0, 19)
        .flatMap((n) => [broken[n]!, good[n]!])
        .map((each) => store.files.create(each)),
    );
    for (const { blobKey } of broken) expect(await store.files.isBlobKnown(blobKey)).toBe(false);
    for (const { blobKey } of good) expect(await store.files.isBlobKnown(blobKey)).toBe(true);
  });

  it('of one kind does not undo those of another in the same moment', async () => {
    const lane = await seedLane(store);
    const file = await seedFile(store, lane.tenantSeq);
    await seedBatch(store, lane, 20);
    const [, leased, queue] = await Promise.allSettled([
      store.files.create(newFile(lane.tenantSeq, { id: file.id })),
      lease(store, lane, 5),
      store.queues.ensureLane(lane.queueSeq, 9),
    ]);
    expect(leased).toMatchObject({ status: 'fulfilled' });
    expect(linesOf((leased as PromiseFulfilledResult<Awaited<ReturnType<typeof lease>>>).value)).toEqual(range(1, 5));
    expect(queue).toMatchObject({ status: 'fulfilled' });
    expect(await store.tasks.laneDepth(lane.laneSeq)).toMatchObject({ ready: 15, leased: 5 });
    expect(await store.reader.countBy(LaneRow, { queueSeq: lane.queueSeq })).toBe(2);
  });
}

function exerciseReader(store: TestStore): void {
  it('sees what was answered, at once', async () => {
    const tenantSeq = await seedTenant(store);
    await Promise.all(
      range(1, 200).map(async () => {
        const wanted = newFile(tenantSeq);
        await store.files.create(wanted);
        expect(await store.files.find(tenantSeq, wanted.id)).not.toBeNull();
        await store.files.delete(tenantSeq, wanted.id);
        expect(await store.files.find(tenantSeq, wanted.id)).toBeNull();
      }),
    );
  });

  it('never sees half of a transaction', async () => {
    const lane = await seedLane(store);
    const batch = await seedBatch(store, lane, 600);
    // One statement, so one view of the store: a line, its result and its count come together or not at all.
    const look = async () => {
      const [seen] = await store.reader.query<
        { ended: number; results: number; counted: number; laneCounted: number }[]
      >(
        `SELECT
          (SELECT COUNT(*) FROM task WHERE batch_seq = ${batch.seq} AND state = 3) AS ended,
          (SELECT COUNT(*) FROM task_result) AS results,
          (SELECT completed FROM batch WHERE seq = ${batch.seq}) AS counted,
          (SELECT completed_count FROM lane WHERE seq = ${lane.laneSeq}) AS laneCounted`,
      );
      return seen!;
    };
    const seenCounts = new Set<number>();
    const check = async () => {
      const { ended, results, counted, laneCounted } = await look();
      expect([results, counted, laneCounted]).toEqual([ended, ended, ended]);
      seenCounts.add(ended);
    };
    const work = async () => {
      for (let tasks = await lease(store, lane, 7); tasks.length > 0; tasks = await lease(store, lane, 7)) {
        await Promise.all(tasks.map((task) => store.tasks.finish(answerTo(task, lane))));
      }
    };
    await checkDuring(Promise.all([work(), work(), work()]), check);
    expect(await look()).toEqual({ ended: 600, results: 600, counted: 600, laneCounted: 600 });
    // Else it looked at nothing but the start and the end.
    expect(seenCounts.size).toBeGreaterThan(3);
  });

  it('sees nothing of a write that is refused, not even while it runs', async () => {
    const tenantSeq = await seedTenant(store);
    const file = await seedFile(store, tenantSeq);
    const work = async () => {
      for (const _ of range(1, 20)) {
        await Promise.allSettled(range(1, 10).map(() => store.files.create(newFile(tenantSeq, { id: file.id }))));
      }
    };
    await checkDuring(work(), async () => expect(await store.reader.countBy(BlobRow, {})).toBe(1));
    expect(await store.reader.countBy(FileRow, {})).toBe(1);
  });
}

/** Checks in every turn of the event loop until the work is done. */
async function checkDuring(work: Promise<unknown>, check: () => Promise<void>): Promise<void> {
  const run = { isOver: false };
  const checking = (async () => {
    while (!run.isOver) {
      await check();
      await nextTurn();
    }
  })();
  await work;
  run.isOver = true;
  await checking;
}

function exerciseMixtures(store: TestStore): void {
  it('end as if each had been alone', async () => {
    const lane = await seedLane(store);
    const taken = await seedFile(store, lane.tenantSeq);
    /** One request after the other of one caller, as an HTTP client would send them. */
    const caller = async (n: number) => {
      const own = await seedLane(store, n % 10, lane);
      const file = await seedFile(store, lane.tenantSeq);
      await expect(store.files.create(newFile(lane.tenantSeq, { id: taken.id }))).rejects.toThrow('failed');
      const { batch } = await store.batches.create(newBatch(file));
      expect(await insertLines(store, batch, own, 0, 3)).toBe(true);
      expect(await insertLines(store, batch, own, 0, 3)).toBe(false);
      await expect(store.batches.cancel(lane.tenantSeq, newId('batch'))).rejects.toMatchObject({ code: 'not_found' });
      if (n % 3 === 0) await store.batches.cancel(lane.tenantSeq, batch.id);
      return { batch, own };
    };
    const callers = await Promise.all(range(1, 60).map(caller));
    for (const [index, { batch }] of callers.entries()) {
      const state = (index + 1) % 3 === 0 ? 'cancelling' : 'in_progress';
      expect(await store.batches.bySeq(batch.seq)).toMatchObject({ state, total: 3, ingested: 3, completed: 0 });
    }
    expect(await store.reader.countBy(LaneRow, {})).toBe(10);
    const depths = await Promise.all(range(0, 9).map((n) => store.tasks.laneDepth(callers[n]!.own.laneSeq)));
    expect(depths.reduce((sum, { ready }) => sum + ready, 0)).toBe(180);
  });

  it('lose no task and give none twice, whatever happens to it', async () => {
    const lanes = [await seedLane(store), await seedLane(store)];
    for (const lane of lanes) await seedBatch(store, lane, 150);
    const ended = new Map<number, number>();
    /** Takes from both lanes until nothing is left; gives every third task back once. */
    const worker = async (ownerSeq: number) => {
      for (;;) {
        const slices = await Promise.all(lanes.map((lane) => lease(store, lane, 5, ownerSeq)));
        if (slices.every((slice) => slice.length === 0)) return;
        await Promise.all(
          slices.flatMap((slice, index) =>
            slice.map(async (task) => {
              const lane = lanes[index]!;
              if (task.seq % 3 === 0 && task.epoch === 1) {
                expect(await store.tasks.giveBack(returnOf(task, lane, { isTry: true }))).toBe(true);
                return;
              }
              const { isRecorded } = await store.tasks.finish(answerTo(task, lane));
              expect(isRecorded).toBe(true);
              ended.set(task.seq, (ended.get(task.seq) ?? 0) + 1);
            }),
          ),
        );
      }
    };
    await Promise.all(range(1, 6).map(worker));
    // A worker may find the lanes empty while another holds what it will give back.
    await worker(7);
    expect(ended.size).toBe(300);
    expect(new Set(ended.values())).toEqual(new Set([1]));
    expect((await store.batches.toFinalize()).map(({ completed, state }) => [completed, state])).toEqual([
      [150, 'finalizing'],
      [150, 'finalizing'],
    ]);
  });
}
