import { describe, expect, it } from 'vitest';
import type { TypedShare } from '../../src/store/procedures/task-shapes.js';
import type { TestStore } from '../support/store-factory.js';
import { OWNER_SEQ, seedBatch, seedLane, setPaused, type SeededLane } from '../support/store-seeds.js';
import { put, rowOf, setQueue } from '../support/task-seeds.js';

/** How tasks of a type go to its handler, and all others to an upstream. */
export function exerciseStoreTypedLeases(store: TestStore): void {
  const leaseTyped = ({ laneSeq }: SeededLane, ...shares: TypedShare[]) =>
    store.tasks.leaseTyped({ laneSeq, ownerSeq: OWNER_SEQ, shares, limit: 100 });
  const leaseSome = ({ laneSeq }: SeededLane, limit: number, ...shares: TypedShare[]) =>
    store.tasks.leaseTyped({ laneSeq, ownerSeq: OWNER_SEQ, shares, limit });
  const leaseUntyped = ({ laneSeq }: SeededLane, want: number) =>
    store.tasks.lease({ laneSeq, want, ownerSeq: OWNER_SEQ, isUntyped: true }, false);
  const putTypes = async (lane: SeededLane, ...types: (string | null)[]) => {
    const seqs: number[] = [];
    for (const type of types) seqs.push((await rowOf(store, await put(store, lane, { type }))).seq);
    return seqs;
  };
  const seqsOf = (tasks: readonly { seq: number }[]) => tasks.map(({ seq }) => seq);

  describe('a lease for handlers', () => {
    it('takes the first tasks of each type, as many as it wants', async () => {
      const lane = await seedLane(store);
      const [a1, b1, a2, , b2, a3] = await putTypes(lane, 'a', 'b', 'a', null, 'b', 'a');
      const leased = await leaseTyped(lane, { type: 'a', want: 2 }, { type: 'b', want: 5 }, { type: 'c', want: 5 });
      expect(seqsOf(leased)).toEqual([a1, b1, a2, b2]);
      expect(leased.map(({ type }) => type)).toEqual(['a', 'b', 'a', 'b']);
      expect(seqsOf(await leaseTyped(lane, { type: 'a', want: 5 }))).toEqual([a3]);
    });

    it('takes the first of the lane where there is no room for all, whatever their types', async () => {
      const lane = await seedLane(store);
      const [b1, a1, b2, b3, a2] = await putTypes(lane, 'b', 'a', 'b', 'b', 'a');
      const shares = [
        { type: 'a', want: 5 },
        { type: 'b', want: 2 },
      ];
      expect(seqsOf(await leaseSome(lane, 3, ...shares))).toEqual([b1, a1, b2]);
      expect(seqsOf(await leaseSome(lane, 1, ...shares))).toEqual([b3]);
      expect(await leaseSome(lane, 5, ...shares)).toMatchObject([{ seq: a2, epoch: 1, tries: 0, batchSeq: null }]);
      expect(await leaseTyped(lane, ...shares)).toEqual([]);
    });

    it('passes over types whose places are taken', async () => {
      const lane = await seedLane(store);
      const [, a2, , , b2] = await putTypes(lane, 'a', 'a', 'a', 'b', 'b');
      expect(await leaseSome(lane, 2, { type: 'a', want: 1 }, { type: 'b', want: 1 })).toHaveLength(2);
      expect(seqsOf(await leaseSome(lane, 1, { type: 'b', want: 1 }))).toEqual([b2]);
      expect(seqsOf(await leaseSome(lane, 1, { type: 'a', want: 1 }))).toEqual([a2]);
    });

    it('holds what it leased until it is given back to its place', async () => {
      const lane = await seedLane(store);
      await putTypes(lane, 'a', 'b');
      const { laneSeq } = lane;
      const [first] = await leaseTyped(lane, { type: 'a', want: 1 });
      const { seq, epoch } = first!;
      const back = { seq, epoch, laneSeq, availableAt: null, isTry: false, isLoss: false, attempt: null };
      expect(await store.tasks.giveBack(back)).toBe(true);
      expect(await leaseSome(lane, 1, { type: 'b', want: 1 }, { type: 'a', want: 1 })).toMatchObject([
        { seq, epoch: epoch + 1, type: 'a' },
      ]);
    });

    it('gives each task once to those who ask together', async () => {
      const lane = await seedLane(store);
      const [a1, b1, b2, a2] = await putTypes(lane, 'a', 'b', 'b', 'a');
      const shares = [
        { type: 'a', want: 4 },
        { type: 'b', want: 4 },
      ];
      const leases = await Promise.all([leaseSome(lane, 3, ...shares), leaseSome(lane, 3, ...shares)]);
      expect(leases.map(seqsOf)).toEqual([[a1, b1, b2], [a2]]);
    });

    it('leaves tasks without a type to others, and those take no other', async () => {
      const lane = await seedLane(store);
      const [, plain] = await putTypes(lane, 'a', null, 'a');
      await seedBatch(store, lane, 1);
      const leased = await leaseUntyped(lane, 10);
      expect(leased).toHaveLength(2);
      expect(leased[0]).toMatchObject({ seq: plain, batchSeq: null });
      expect(await leaseTyped(lane, { type: 'a', want: 10 })).toHaveLength(2);
    });

    it('gets no more than the limit of the queue leaves, over all its types', async () => {
      const lane = await seedLane(store);
      await setQueue(store, lane, { maxConcurrency: 3 });
      const [b1, a1, a2] = await putTypes(lane, 'b', 'a', 'a', 'a', 'b');
      const leased = await leaseTyped(lane, { type: 'a', want: 5 }, { type: 'b', want: 5 });
      expect(seqsOf(leased)).toEqual([b1, a1, a2]);
      expect(await leaseTyped(lane, { type: 'b', want: 5 })).toEqual([]);
    });

    it('gets nothing from a paused queue', async () => {
      const lane = await seedLane(store);
      await putTypes(lane, 'a');
      await setPaused(store, lane, true);
      expect(await leaseTyped(lane, { type: 'a', want: 1 })).toEqual([]);
    });
  });
}
