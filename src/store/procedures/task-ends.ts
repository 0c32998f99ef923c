/** How tasks end: state, answer, counters and outbox in one transaction, whoever ends them. */
import { TASK_STATE_CODE } from '../../kernel/task-state.js';
import type { Tx } from '../procedure.js';
import { statement } from '../statement.js';
import { BatchProgress } from './batch-progress.js';
import { noteCallbacks } from './callback.procedures.js';
import { LaneCounts } from './lane-counts.js';
import { insertEvents } from './task-events.js';
import type { FinishedTask, FinishResult } from './task-shapes.js';

const FINISH = statement<{
  seq: number;
  epoch: number;
  state: number;
  tried: number;
  statusCode: number | null;
  now: number;
}>('task-finish');
const STOP = statement<{ seq: number; state: number; now: number }>('task-stop');
export const RESULT = statement<{
  seq: number;
  statusCode: number | null;
  requestId: string | null;
  body: string | null;
  blobKey: string | null;
  errorCode: string | null;
  errorMessage: string | null;
}>('task-result-insert');

/** Records the ends of leased tasks; those whose lease was lost meanwhile change nothing. */
export async function recordEnds(tx: Tx, tasks: readonly FinishedTask[]): Promise<FinishResult[]> {
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
  return recordConsequences(tx, tasks, changes);
}

/** A task that is ended from outside, whether it waits or runs. */
export interface StoppedTask {
  seq: number;
  laneSeq: number;
  batchSeq: number | null;
  /** 1 or 0. */
  hasCallback: number;
}

/** Why there is no answer. */
export interface StopReason {
  state: 'expired' | 'cancelled';
  errorCode: string;
  errorMessage: string;
}

/** Ends tasks that have not ended yet. */
export async function recordStops(tx: Tx, tasks: readonly StoppedTask[], reason: StopReason): Promise<FinishResult[]> {
  const state = TASK_STATE_CODE[reason.state];
  const changes = await tx.each(
    STOP,
    tasks.map(({ seq }) => ({ seq, state, now: tx.now })),
  );
  return recordConsequences(
    tx,
    tasks.map((task) => ({ ...task, ...NO_ANSWER, ...reason, hasCallback: task.hasCallback === 1 })),
    changes,
  );
}

const NO_ANSWER = {
  epoch: 0,
  isTry: false,
  statusCode: null,
  requestId: null,
  body: null,
  blobKey: null,
  usage: null,
  lastWords: null,
};

/** Of the tasks that did change: the answer, its lane's and its batch's counters, and the callbacks of single ones. */
async function recordConsequences(
  tx: Tx,
  tasks: readonly FinishedTask[],
  changes: readonly number[],
): Promise<FinishResult[]> {
  const recorded = tasks.filter((_, index) => changes[index] === 1);
  await tx.later(
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
  await insertEvents(
    tx,
    recorded.flatMap(({ seq, epoch, lastWords }) => (lastWords?.events.length ? [{ seq, epoch, ...lastWords }] : [])),
  );
  const counts = new LaneCounts();
  const progress = new BatchProgress();
  const calling: number[] = [];
  for (const task of recorded) {
    counts.add(task.laneSeq, task.state);
    if (task.hasCallback) calling.push(task.seq);
    if (task.batchSeq !== null) progress.add(task.batchSeq, task);
  }
  await counts.write(tx);
  const done = await progress.write(tx);
  if (calling.length > 0) await noteCallbacks(tx, calling);
  return tasks.map((task, index) => ({
    isRecorded: changes[index] === 1,
    isBatchDone: changes[index] === 1 && task.batchSeq !== null && done.has(task.batchSeq),
  }));
}
