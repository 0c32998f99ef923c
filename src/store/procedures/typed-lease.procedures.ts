/** Leases for the handlers of a process: each type has places of its own, and of what fits in, the first in the lane goes first. */
import { procedureOfMany, type Tx } from '../procedure.js';
import { statement } from '../statement.js';
import { LaneCounts } from './lane-counts.js';
import { QueueRoom } from './queue-room.js';
import { OPEN_LANE } from './task.procedures.js';
import type { TypedLeaseRequest, TypedTask } from './task-shapes.js';

const HEAD = statement<{ laneSeq: number; type: string; clearedSeq: number; limit: number }, TypedTask>(
  'lane-head-typed',
);
const LEASE = statement<{ seqs: string; ownerSeq: number; now: number }>('task-lease-typed');

/** In the order of the lane; a paused queue gives nothing, one with a limit no more than it leaves. */
export const leaseTypedTasks = procedureOfMany(
  'task-lease-typed',
  async (tx, requests: readonly TypedLeaseRequest[]) => {
    const counts = new LaneCounts();
    const room = new QueueRoom(tx);
    const leases: TypedTask[][] = [];
    for (const request of requests) {
      const { laneSeq, ownerSeq } = request;
      const [lane] = await tx.all(OPEN_LANE, { laneSeq, ownerSeq });
      const limit = lane ? Math.min(request.limit, await room.left(lane)) : 0;
      const tasks = limit > 0 ? await chooseTasks(tx, request, lane!.clearedSeq, limit) : [];
      if (tasks.length > 0) {
        room.use(lane!, tasks.length);
        counts.add(laneSeq, 'taken', tasks.length);
        await tx.later(LEASE, [{ seqs: JSON.stringify(tasks.map(({ seq }) => seq)), ownerSeq, now: tx.now }]);
      }
      leases.push(tasks);
    }
    await counts.write(tx);
    return leases;
  },
  { lanesOf: (_tx, requests) => requests.map(({ laneSeq }) => laneSeq) },
);

/**
 * The first `limit` tasks of a lane for which there is a place. The head of each type is read by itself: one walk through the lane
 * would have to pass all tasks of types whose places are taken.
 */
async function chooseTasks(
  tx: Tx,
  { laneSeq, shares }: TypedLeaseRequest,
  clearedSeq: number,
  limit: number,
): Promise<TypedTask[]> {
  const heads: TypedTask[] = [];
  for (const { type, want } of shares) {
    heads.push(...(await tx.all(HEAD, { laneSeq, type, clearedSeq, limit: Math.min(want, limit) })));
  }
  return heads.sort((a, b) => a.seq - b.seq).slice(0, limit);
}
