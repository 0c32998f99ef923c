/** Workers hand in answers. The first one counts, or the last, as the queue says; a stale token changes nothing. */
import { TASK_STATE_CODE } from '../../kernel/task-state.js';
import { TaskResultRow } from '../entities/task-result.entity.js';
import { procedureOfMany, type Tx } from '../procedure.js';
import { statement } from '../statement.js';
import { aftermathOf, dealOut, endSequel, type Sequel } from './aftermath.js';
import type { Completion, HolderVerdict, Outcomes } from './single-shapes.js';
import { recordEnds, RESULT } from './task-ends.js';
import { lanesOfClaims } from './task-lanes.js';
import { findTasks, isHeldBy, readsOf, refusalOf, type KnownTask } from './task-lookup.js';
import type { FinishedTask } from './task-shapes.js';

const FINISH_AGAIN = statement<{ seq: number; statusCode: number; now: number }>('task-finish-again');

interface Settled {
  verdict: HolderVerdict;
  sequel: Sequel;
}

/** A verdict for each completion of each call. */
export const completeTasks = procedureOfMany(
  'task-complete',
  async (tx, calls: readonly (readonly Completion[])[]): Promise<Outcomes<HolderVerdict>[]> => {
    const items = calls.flat();
    const settled = await recordAnswers(tx, items);
    await settleOthers(tx, items, settled);
    return dealOut(calls, settled as Settled[]).map((ofCall) => ({
      outcomes: ofCall.map(({ verdict }) => verdict),
      aftermath: aftermathOf(ofCall.map(({ sequel }) => sequel)),
    }));
  },
  { lanesOf: lanesOfClaims, readsFirst: (calls) => readsOf(calls.flat().map(({ key }) => key)) },
);

/** The answers of those who hold what they answer for; null in the places of all others. */
async function recordAnswers(tx: Tx, items: readonly Completion[]): Promise<(Settled | null)[]> {
  const known = await findTasks(
    tx,
    items.map(({ key }) => key),
  );
  const held: { place: number; task: KnownTask }[] = [];
  items.forEach((item, place) => {
    const task = known[place]!;
    if (isHeldBy(task, item)) held.push({ place, task });
  });
  const ends = await recordEnds(
    tx,
    held.map(({ place, task }) => answerOf(task, items[place]!)),
  );
  const settled = new Array<Settled | null>(items.length).fill(null);
  held.forEach(({ place, task }, index) => {
    const end = ends[index]!;
    if (end.isRecorded) settled[place] = { verdict: 'done', sequel: endSequel(task, end) };
  });
  return settled;
}

/** Whoever comes too late, comes again, or was never known. Looked up anew: it may have ended just now, in this very group. */
async function settleOthers(tx: Tx, items: readonly Completion[], settled: (Settled | null)[]): Promise<void> {
  const places = [...settled.keys()].filter((place) => settled[place] === null);
  if (places.length === 0) return;
  const known = await findTasks(
    tx,
    places.map((place) => items[place]!.key),
  );
  for (const [index, place] of places.entries()) {
    const verdict = await settleOther(tx, known[index]!, items[place]!);
    settled[place] = { verdict, sequel: {} };
  }
}

async function settleOther(tx: Tx, task: KnownTask | null, item: Completion): Promise<HolderVerdict> {
  const refusal = refusalOf(task, item);
  if (task === null || refusal === 'unknown' || task.state !== TASK_STATE_CODE.completed) return refusal;
  if (item.epoch === task.epoch && (await isRepeated(tx, task.seq, item))) return 'repeated';
  // The result files of its batch may have been written already, so of a line the first answer always counts.
  if (item.epoch !== null || task.completionRule !== 'last' || task.batchSeq !== null) return refusal;
  await tx.run(FINISH_AGAIN, { seq: task.seq, statusCode: item.statusCode, now: tx.now });
  await tx.each(RESULT, [{ seq: task.seq, ...resultOf(item) }]);
  return 'done';
}

/** What was spilled is compared by its size and hash, which its key ends with. */
async function isRepeated(tx: Tx, taskSeq: number, item: Completion): Promise<boolean> {
  const stored = await tx.manager.findOneBy(TaskResultRow, { taskSeq });
  if (!stored || stored.statusCode !== item.statusCode || stored.body !== item.body) return false;
  return fingerprintOf(stored.blobKey) === fingerprintOf(item.blobKey);
}

function fingerprintOf(blobKey: string | null): string | null {
  return blobKey === null ? null : blobKey.slice(blobKey.lastIndexOf('_') + 1);
}

function resultOf({ statusCode, requestId, body, blobKey }: Completion) {
  return { statusCode, requestId, body, blobKey, errorCode: null, errorMessage: null };
}

function answerOf(task: KnownTask, item: Completion): FinishedTask {
  const { seq, epoch, laneSeq, batchSeq } = task;
  const { statusCode, requestId, body, blobKey, usage } = item;
  return {
    seq,
    epoch,
    laneSeq,
    batchSeq,
    state: 'completed',
    isTry: true,
    statusCode,
    requestId,
    body,
    blobKey,
    errorCode: null,
    errorMessage: null,
    usage,
    hasCallback: task.hasCallback === 1,
    lastWords: null,
  };
}
