/** The life of a task after it was inserted, as seen by dispatchers and sweeps. All batch-shaped, all fenced by epoch. */
import { TASK_STATE_CODE } from '../../kernel/task-state.js';
import { procedureOfMany, procedureOfOne, type Tx } from '../procedure.js';
import { statement } from '../statement.js';
import { BatchProgress } from './batch-progress.js';
import { LaneCounts } from './lane-counts.js';
import type { AttemptNote, FinishedTask, FinishResult, LeasedTask, LeaseRequest, ReturnedTask } from './task-shapes.js';

const OPEN_LANE = statement<{ laneSeq: number }, { clearedSeq: number }>('lane-open');
const LEASE = statement<
  { laneSeq: number; clearedSeq: number; want: number; ownerSeq: number; now: number },
  LeasedTask
>('task-lease');
const FINISH = statement<{
  seq: number;
  epoch: number;
  state: number;
  tried: number;
  statusCode: number | null;
  now: number;
}>('task-finish');
const RESULT = statement<{
  seq: number;
  statusCode: number | null;
  requestId: string | null;
  body: string | null;
  blobKey: string | null;
  errorCode: string | null;
  errorMessage: string | null;
}>('task-result-insert');
const RETURN = statement<{
  seq: number;
  epoch: number;
  state: number;
  availableAt: number | null;
  tried: number;
  lost: number;
}>('task-return');
const ATTEMPT = statement<{
  seq: number;
  epoch: number;
  outcome: string;
  startedAt: number | null;
  now: number;
  statusCode: number | null;
  detail: string | null;
}>('attempt-insert');
const PROMOTE = statement<{ now: number; limit: number }, { laneSeq: number }>('task-promote');
const LOST = statement<
  { ownerSeq: number; limit: number },
  { seq: number; epoch: number; laneSeq: number; batchSeq: number | null; leasedAt: number | null; losses: number }
>('task-lost-leases');

/** No statement touches more rows than this in one transaction: longer ones hold everybody up. */
export const SWEEP_ROWS = 2000;
/** A task that was lost with its server this often is taken to be what kills the server. */
export const MAX_LOSSES = 20;

/** Leases from the head of each lane; a paused queue gives nothing. */
export const leaseTasks = procedureOfMany('task-lease', async (tx, requests: readonly LeaseRequest[]) => {
  const counts = new LaneCounts();
  const slices: LeasedTask[][] = [];
  for (const { laneSeq, want, ownerSeq } of requests) {
    const [lane] = await tx.all(OPEN_LANE, { laneSeq });
    const slice = lane
      ? await tx.all(LEASE, { laneSeq, clearedSeq: lane.clearedSeq, want, ownerSeq, now: tx.now })
      : [];
    // What an UPDATE returns comes in no promised order.
    slice.sort((a, b) => a.seq - b.seq);
    if (slice.length > 0) counts.add(laneSeq, 'taken', slice.length);
    slices.push(slice);
  }
  await counts.write(tx);
  return slices;
});

/** Records results: the task's end, its answer, its lane's and its batch's counters, in one transaction. */
export const finishTasks = procedureOfMany('task-finish', recordEnds);

async function recordEnds(tx: Tx, tasks: readonly FinishedTask[]): Promise<FinishResult[]> {
  const changes = await tx.each(
    FINISH,
    tasks.map((task) => ({
      seq: task.seq,
      epoch: task.epoch,
      state: TASK_STATE_CODE[task.state],
      tried: task.isTry ? 1 : 0,
      statusCode: task.statusCode,
      now: tx.now,
    })),
  );
  const recorded = tasks.filter((_, index) => changes[index] === 1);
  await tx.each(
    RESULT,
    recorded.map(({ seq, statusCode, requestId, body, blobKey, errorCode, errorMessage }) => ({
      seq,
      statusCode,
      requestId,
      body,
      blobKey,
      errorCode,
      errorMessage,
    })),
  );
  const counts = new LaneCounts();
  const progress = new BatchProgress();
  for (const task of recorded) {
    counts.add(task.laneSeq, task.state);
    if (task.batchSeq !== null) progress.add(task.batchSeq, task);
  }
  await counts.write(tx);
  const done = await progress.write(tx);
  return tasks.map((task, index) => ({
    isRecorded: changes[index] === 1,
    isBatchDone: changes[index] === 1 && task.batchSeq !== null && done.has(task.batchSeq),
  }));
}

/** Puts leased tasks back in their places; false for those whose lease was lost meanwhile. */
export const returnTasks = procedureOfMany('task-return', async (tx, tasks: readonly ReturnedTask[]) => {
  const noted = tasks.filter((task) => task.attempt !== null);
  await noteAttempts(
    tx,
    noted.map(({ seq, epoch, attempt }) => ({ seq, epoch, note: attempt! })),
  );
  const changes = await tx.each(
    RETURN,
    tasks.map((task) => ({
      seq: task.seq,
      epoch: task.epoch,
      state: task.availableAt === null ? TASK_STATE_CODE.ready : TASK_STATE_CODE.scheduled,
      availableAt: task.availableAt,
      tried: task.isTry ? 1 : 0,
      lost: task.isLoss ? 1 : 0,
    })),
  );
  return changes.map((changed) => changed === 1);
});

/** Before the lease is given up, so that the row still says who held it; a lost lease leaves no note. */
async function noteAttempts(tx: Tx, attempts: { seq: number; epoch: number; note: AttemptNote }[]): Promise<void> {
  await tx.each(
    ATTEMPT,
    attempts.map(({ seq, epoch, note }) => ({
      seq,
      epoch,
      outcome: note.outcome,
      startedAt: note.startedAt,
      now: tx.now,
      statusCode: note.statusCode,
      detail: note.detail,
    })),
  );
}

/** Makes due tasks ready; returns their lanes, each once, and whether there may be more. */
export const promoteTasks = procedureOfOne('task-promote', async (tx, _: null) => {
  const rows = await tx.all(PROMOTE, { now: tx.now, limit: SWEEP_ROWS });
  return { laneSeqs: [...new Set(rows.map((row) => row.laneSeq))], isMore: rows.length === SWEEP_ROWS };
});

/**
 * Takes back leases of instances that are dead. Only a caller that can prove their death may ask: the holder of the
 * data folder's lock. Those that were lost too often fail as `poison`. Returns how many were taken back, and the
 * batches that are done because of it.
 */
export const rescueLeases = procedureOfOne('task-rescue', async (tx, { ownerSeq }: { ownerSeq: number }) => {
  const lost = await tx.all(LOST, { ownerSeq, limit: SWEEP_ROWS });
  const [poison, others] = [lost.filter(isPoison), lost.filter((task) => !isPoison(task))];
  await noteAttempts(
    tx,
    lost.map(({ seq, epoch, leasedAt }) => ({
      seq,
      epoch,
      note: { outcome: 'lost', startedAt: leasedAt, statusCode: null, detail: 'the server that ran it ended' },
    })),
  );
  await tx.each(
    RETURN,
    others.map(({ seq, epoch }) => ({
      seq,
      epoch,
      state: TASK_STATE_CODE.ready,
      availableAt: null,
      tried: 0,
      lost: 1,
    })),
  );
  const ends = await recordEnds(tx, poison.map(poisonEnd));
  const doneBatchSeqs = poison.filter((_, index) => ends[index]!.isBatchDone).map((task) => task.batchSeq!);
  return { rescued: lost.length, doneBatchSeqs: [...new Set(doneBatchSeqs)], isMore: lost.length === SWEEP_ROWS };
});

function isPoison(task: { losses: number }): boolean {
  return task.losses + 1 >= MAX_LOSSES;
}

function poisonEnd(task: { seq: number; epoch: number; laneSeq: number; batchSeq: number | null }): FinishedTask {
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
    errorCode: 'poison',
    errorMessage: `The server ended ${MAX_LOSSES} times while it ran this request.`,
    usage: null,
  };
}
