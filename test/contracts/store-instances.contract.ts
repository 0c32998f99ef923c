import { describe, expect, it } from 'vitest';
import { newId } from '../../src/kernel/ids.js';
import { InstanceRow } from '../../src/store/entities/instance.entity.js';
import { LeaderRow } from '../../src/store/entities/leader.entity.js';
import type { TestStore } from '../support/store-factory.js';
import { lease, linesOf, range, seedBatch, seedLane, taskRow } from '../support/store-seeds.js';

const SILENT_MS = 10_000;

/** Server processes that share a store: how they are known to live, and what becomes of the leases of those that do not. */
export function exerciseStoreInstances(store: TestStore): void {
  const register = (handlerTypes: string[] = []) =>
    store.instances.register({
      id: newId('instance'),
      role: 'engine',
      host: 'box-1',
      pid: 7,
      handlerTypes: JSON.stringify(handlerTypes),
    });
  const rowOf = (seq: number) => store.reader.findOneByOrFail(InstanceRow, { seq });

  describe('signs of life', () => {
    it('keep an instance alive, and silence ends it once', async () => {
      const [own, beating, silent] = [await register(), await register(), await register()];
      store.clock.advance(SILENT_MS - 1);
      expect(await store.instances.beat(beating)).toBe(true);
      await store.instances.endSilent(own, SILENT_MS);
      expect(await store.instances.unrescued()).toEqual([]);
      store.clock.advance(1);
      await store.instances.endSilent(own, SILENT_MS);
      expect(await store.instances.unrescued()).toEqual([silent]);
      const { endedAt } = await rowOf(silent);
      expect(endedAt).toBe(store.clock.now());
      store.clock.advance(5);
      await store.instances.endSilent(own, SILENT_MS);
      expect((await rowOf(silent)).endedAt).toBe(endedAt);
    });

    it('come too late for one that was taken for dead', async () => {
      const [own, halted] = [await register(), await register()];
      store.clock.advance(SILENT_MS);
      await store.instances.endSilent(own, SILENT_MS);
      expect(await store.instances.beat(halted)).toBe(false);
      expect((await rowOf(halted)).heartbeatAt).toBe(store.clock.now() - SILENT_MS);
      expect(await store.instances.beat(own)).toBe(true); // nobody says it of himself
    });
  });

  describe('the leases of one that has ended', () => {
    it('go back, and those of all others stay', async () => {
      const lane = await seedLane(store);
      await seedBatch(store, lane, 9);
      const [own, dead, other] = [await register(), await register(), await register()];
      await lease(store, lane, 3, dead);
      const kept = [...(await lease(store, lane, 3, own)), ...(await lease(store, lane, 2, other))];
      await store.instances.end(dead);
      expect(await store.instances.unrescued()).toEqual([dead]);
      expect(await store.tasks.rescue(own, dead)).toEqual({ rescued: 3, doneBatchSeqs: [], isMore: false });
      await store.instances.noteRescued(dead);
      expect(await store.instances.unrescued()).toEqual([]);
      for (const task of kept) expect(await taskRow(store, task)).toMatchObject({ state: 2, losses: 0 });
      expect(linesOf(await lease(store, lane, 10, own))).toEqual([1, 2, 3, 9]);
    });

    it('are its last, whether it knows of its end or not', async () => {
      const lane = await seedLane(store);
      await seedBatch(store, lane, 3);
      const [own, halted] = [await register(), await register()];
      store.clock.advance(SILENT_MS);
      await store.instances.endSilent(own, SILENT_MS);
      expect(await lease(store, lane, 3, halted)).toEqual([]);
      expect(linesOf(await lease(store, lane, 3, own))).toEqual([1, 2, 3]);
    });
  });

  it('know their neighbours, as long as those live', async () => {
    const [own, other, ended] = [await register(), await register(), await register()];
    await store.instances.end(ended);
    expect(await store.instances.neighbours(own, 'box-1')).toEqual([{ seq: other, pid: 7 }]);
    expect(await store.instances.neighbours(own, 'box-2')).toEqual([]);
  });

  it('know who else runs tasks, or may still hold leases, and what those have leased of each lane', async () => {
    const [lane, other] = [await seedLane(store), await seedLane(store)];
    for (const each of [lane, other]) await seedBatch(store, each, 5);
    const [own, living, dead, rescued] = [await register(), await register(), await register(), await register()];
    await store.instances.register({ id: newId('instance'), role: 'api', host: 'box-1', pid: 8, handlerTypes: '[]' });
    await lease(store, lane, 1, own);
    await lease(store, lane, 2, living);
    await lease(store, other, 3, living);
    await lease(store, other, 1, dead);
    for (const seq of [dead, rescued]) await store.instances.end(seq);
    await store.instances.noteRescued(rescued);
    expect(await store.instances.runners(own)).toEqual([living, dead]);
    const leases = await store.tasks.ownedLeases([living, dead, rescued]);
    expect(leases.toSorted((a, b) => a.ownerSeq - b.ownerSeq || a.laneSeq - b.laneSeq)).toEqual([
      { ownerSeq: living, laneSeq: lane.laneSeq, leased: 2 },
      { ownerSeq: living, laneSeq: other.laneSeq, leased: 3 },
      { ownerSeq: dead, laneSeq: other.laneSeq, leased: 1 },
    ]);
    expect(await store.tasks.ownedLeases([rescued])).toEqual([]);
  });

  it('tell of the task types that somebody alive handles', async () => {
    const ended = await register(['old']);
    await register(['thumbnail', 'speech']);
    await register(['speech']);
    await store.instances.end(ended);
    expect(await store.instances.handledTypes()).toEqual(new Set(['thumbnail', 'speech']));
  });

  describe('a claim', () => {
    const take = (instanceSeq: number, ttlMs = 1000) => store.claims.take({ name: 'work', instanceSeq, ttlMs });

    it('is for one at a time, and can be prolonged', async () => {
      const [first, second] = [await register(), await register()];
      expect([await take(first), await take(second)]).toEqual([true, false]);
      store.clock.advance(999);
      expect([await take(first), await take(second)]).toEqual([true, false]);
      store.clock.advance(999);
      expect(await take(second)).toBe(false);
      store.clock.advance(1);
      expect([await take(second), await take(first)]).toEqual([true, false]);
      expect(await store.reader.findOneByOrFail(LeaderRow, { name: 'work' })).toMatchObject({ term: 2 });
    });

    it('is for one of many that ask at once', async () => {
      const seqs: number[] = [];
      for (const _ of range(1, 10)) seqs.push(await register());
      const taken = await Promise.all(seqs.map((seq) => take(seq)));
      expect(taken.filter(Boolean)).toHaveLength(1);
    });

    it('ends with its holder', async () => {
      const [first, second] = [await register(), await register()];
      await take(first);
      await store.instances.end(first);
      expect(await take(second)).toBe(true);
    });

    it('is given up by its holder only', async () => {
      const [first, second] = [await register(), await register()];
      await take(first);
      await store.claims.drop('work', second);
      expect(await take(second)).toBe(false);
      await store.claims.drop('work', first);
      expect(await take(second)).toBe(true);
    });
  });
}
