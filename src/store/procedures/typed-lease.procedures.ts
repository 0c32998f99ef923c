/** Leases for the handlers of a process: each type has places of its own, so a lane is asked for some of each. */
import { procedureOfMany } from '../procedure.js';
import { statement } from '../statement.js';
import { LaneCounts } from './lane-counts.js';
import { QueueRoom } from './queue-room.js';
import { OPEN_LANE } from './task.procedures.js';
import type { TypedLeaseRequest, TypedTask } from './task-shapes.js';

const LEASE = statement<
  { laneSeq: number; type: string; clearedSeq: number; want: number; ownerSeq: number; now: number },
  TypedTask
>('task-lease-typed');

/** In the order of the types that were asked for; a paused queue gives nothing, one with a limit no more than it leaves. */
export const leaseTypedTasks = procedureOfMany(
  'task-lease-typed',
  async (tx, requests: readonly TypedLeaseRequest[]) => {
    const counts = new LaneCounts();
    const room = new QueueRoom(tx);
    const leases: TypedTask[][] = [];
    for (const { laneSeq, ownerSeq, shares } of requests) {
      const [lane] = await tx.all(OPEN_LANE, { laneSeq, ownerSeq });
      const leased: TypedTask[] = [];
      for (const { type, want } of lane ? shares : []) {
        const { clearedSeq } = lane!;
        const limit = Math.min(want, await room.left(lane!));
        const tasks = await tx.all(LEASE, { laneSeq, type, clearedSeq, want: limit, ownerSeq, now: tx.now });
        room.use(lane!, tasks.length);
        // What an UPDATE returns comes in no promised order.
        leased.push(...tasks.sort((a, b) => a.seq - b.seq));
      }
      if (leased.length > 0) counts.add(laneSeq, 'taken', leased.length);
      leases.push(leased);
    }
    await counts.write(tx);
    return leases;
  },
  { lanesOf: (_tx, requests) => requests.map(({ laneSeq }) => laneSeq) },
);
