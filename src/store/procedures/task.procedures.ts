/** The life of a task after it was inserted, as seen by dispatchers and sweeps. All batch-shaped, all fenced by epoch. */
import { procedureOfMany, procedureOfOne, type Read, type Tx } from '../procedure.js';
import { statement } from '../statement.js';
import { noteAttempts } from './attempts.js';
import { LaneCounts } from './lane-counts.js';
import { QueueRoom, type LimitedQueue } from './queue-room.js';
import { recordEnds } from './task-ends.js';
import { recordReturns } from './task-returns.js';
import type { AttemptNote, FinishedTask, LeasedTask, LeaseRequest } from './task-shapes.js';

export const OPEN_LANE = statement<{ laneSeq: number; ownerSeq: number }, { clearedSeq: number } & LimitedQueue>(
  'lane-open',
);
const LEASE = statement<
  { laneSeq: number; clearedSeq: number; want: number; ownerSeq: number; now: number },
  LeasedTask
>('task-lease');
const LEASE_UNTYPED = statement<
  { laneSeq: number; clearedSeq: number; want: number; ownerSeq: number; now: number },
  LeasedTask
>('task-lease-untyped');
const PROMOTE = statement<{ now: number; limit: number }, { laneSeq: number }>('task-promote');
const LOST = statement<TaskRescue & { limit: number }, LostLease>('task-lost-leases');

/** Who asks for lost leases, and whose. */
export interface Rescue extends Record<string, number | null> {
  /** Never loses its own. */
  ownerSeq: number;
  /** The instance that is dead; null for all others, which only the holder of the data folder's lock can say. */
  deadSeq: number | null;
}

/** Of tasks, which an instance may also have lost that is alive. */
export interface TaskRescue extends Record<string, number | string | null> {
  /** As in `Rescue`; null for an instance that looks among its own for those of which it does not know. */
  ownerSeq: number | null;
  deadSeq: number | null;
  /** Epoch ms of the latest that may be lost; null for any time. */
  leasedUntil: number | null;
  /** Rows that are not lost, as a JSON array. */
  known: string;
}

interface LostLease {
  seq: number;
  epoch: number;
  laneSeq: number;
  batchSeq: number | null;
  leasedAt: number | null;
  losses: number;
  /** Whether its caller has been sent a part of the answer already: 1 or 0. */
  isHeard: number;
}

/** No statement touches more rows than this in one transaction: longer ones hold everybody up. */
export const SWEEP_ROWS = 2000;
/** A task that was lost with its server this often is taken to be what kills the server. */
export const MAX_LOSSES = 20;

/** Leases from the head of each lane. */
export const leaseTasks = procedureOfMany('task-lease', leaseSlices, {
  lanesOf: (_tx, requests) => requests.map(({ laneSeq }) => laneSeq),
  readsFirst: (requests) => requests.map(readOfLane),
});

/** What `leaseSlices` asks about a lane first. */
export function readOfLane({ laneSeq, ownerSeq }: Pick<LeaseRequest, 'laneSeq' | 'ownerSeq'>): Read {
  return { statement: OPEN_LANE, params: { laneSeq, ownerSeq } };
}

/**
 * A slice for each request, of lanes that are locked. A paused queue gives nothing, one with a limit no more than that leaves,
 * and an instance that has ended gets nothing.
 */
export async function leaseSlices(tx: Tx, requests: readonly LeaseRequest[]): Promise<LeasedTask[][]> {
  const counts = new LaneCounts();
  const room = new QueueRoom(tx);
  const slices: LeasedTask[][] = [];
  for (const { laneSeq, want, ownerSeq, isUntyped } of requests) {
    const [lane] = await tx.all(OPEN_LANE, { laneSeq, ownerSeq });
    const limit = !lane || lane.maxConcurrency === null ? want : Math.min(want, await room.left(lane));
    const slice = lane
      ? await tx.all(isUntyped ? LEASE_UNTYPED : LEASE, {
          laneSeq,
          clearedSeq: lane.clearedSeq,
          want: limit,
          ownerSeq,
          now: tx.now,
        })
      : [];
    if (lane) room.use(lane, slice.length);
    // What an UPDATE returns comes in no promised order.
    slice.sort((a, b) => a.seq - b.seq);
    if (slice.length > 0) counts.add(laneSeq, 'taken', slice.length);
    slices.push(slice);
  }
  await counts.write(tx);
  return slices;
}

/** Records results: the task's end, its answer, its lane's and its batch's counters, in one transaction. */
export const finishTasks = procedureOfMany('task-finish', recordEnds, {
  lanesOf: (_tx, tasks) => tasks.map(({ laneSeq }) => laneSeq),
});

/** Puts leased tasks back in their places; false for those whose lease was lost meanwhile. */
export const returnTasks = procedureOfMany('task-return', recordReturns, {
  lanesOf: (_tx, tasks) => tasks.map(({ laneSeq }) => laneSeq),
});

/** Makes due tasks ready; returns their lanes, each once, and whether there may be more. */
export const promoteTasks = procedureOfOne(
  'task-promote',
  async (tx, _: null) => {
    const rows = await tx.all(PROMOTE, { now: tx.now, limit: SWEEP_ROWS });
    return { laneSeqs: [...new Set(rows.map((row) => row.laneSeq))], isMore: rows.length === SWEEP_ROWS };
  },
  { isRareAct: false },
);

/**
 * Takes back leases of instances that are dead. Those that were lost too often fail as `poison`, and streams that have
 * begun as `stream_interrupted`. Returns how many were taken back, and the batches that are done because of it.
 */
export const rescueLeases = procedureOfOne('task-rescue', async (tx, rescue: TaskRescue) => {
  const lost = await tx.all(LOST, { ...rescue, limit: SWEEP_ROWS });
  const lossOf = (startedAt: number | null): AttemptNote => {
    return { outcome: 'lost', startedAt, statusCode: null, detail: rescue.ownerSeq === null ? UNKNOWN : ENDED };
  };
  const [doomed, others] = [lost.filter(isDoomed), lost.filter((task) => !isDoomed(task))];
  await noteAttempts(
    tx,
    doomed.map(({ seq, epoch, leasedAt }) => ({ seq, epoch, note: lossOf(leasedAt) })),
  );
  const ends = await recordEnds(tx, doomed.map(doomOf));
  const doneBatchSeqs = doomed.filter((_, index) => ends[index]!.isBatchDone).map((task) => task.batchSeq!);
  await recordReturns(
    tx,
    others.map(({ seq, epoch, laneSeq, leasedAt }) => {
      return { seq, epoch, laneSeq, availableAt: null, isTry: false, isLoss: true, attempt: lossOf(leasedAt) };
    }),
  );
  return { rescued: lost.length, doneBatchSeqs: [...new Set(doneBatchSeqs)], isMore: lost.length === SWEEP_ROWS };
});

const ENDED = 'the server that ran it ended';
const UNKNOWN = 'the server that was to run it was never told';

function isPoison(task: LostLease): boolean {
  return task.losses + 1 >= MAX_LOSSES;
}

/** A second attempt would say again, and otherwise, what the caller of a stream has heard already. */
function isDoomed(task: LostLease): boolean {
  return task.isHeard === 1 || isPoison(task);
}

function doomOf(task: LostLease): FinishedTask {
  const poison = `The server ended ${MAX_LOSSES} times while it ran this request.`;
  return {
    seq: task.seq,
    epoch: task.epoch,
    laneSeq: task.laneSeq,
    batchSeq: task.batchSeq,
    state: 'failed',
    isTry: false,
    statusCode: null,
    requestId: null,
    body: null,
    blobKey: null,
    errorCode: isPoison(task) ? 'poison' : 'stream_interrupted',
    errorMessage: isPoison(task) ? poison : 'The server that ran this request ended in the middle of the stream.',
    usage: null,
    hasCallback: true,
    lastWords: null,
  };
}
