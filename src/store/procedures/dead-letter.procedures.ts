/** Failed tasks, kept for people: sent back, or forgotten. */
import { AttemptRow } from '../entities/attempt.entity.js';
import { TaskBodyRow } from '../entities/task-body.entity.js';
import { TaskAliasRow } from '../entities/task-alias.entity.js';
import { TaskEventRow } from '../entities/task-event.entity.js';
import { TaskResultRow } from '../entities/task-result.entity.js';
import { TaskRow } from '../entities/task.entity.js';
import { LaneRow } from '../entities/lane.entity.js';
import { TASK_STATE_CODE } from '../../kernel/task-state.js';
import { procedureOfOne, type Tx } from '../procedure.js';
import { statement } from '../statement.js';
import { aftermathOf } from './aftermath.js';
import { noteAct, type By } from './audit.js';
import { withdrawCallbacks } from './callback.procedures.js';
import { LaneCounts } from './lane-counts.js';
import type { Outcomes, RedriveOutcome } from './single-shapes.js';
import { lanesOfClaims } from './task-lanes.js';
import { findTasks, type KnownTask } from './task-lookup.js';

const REDRIVE = statement<{ seq: number; now: number; ttlMs: number }>('task-redrive');
const FORGET_RESULT = statement<{ seq: number }>('task-result-delete');
const FORGET_EVENTS = statement<{ seq: number }>('task-events-delete');

export interface DeadLetterRequest extends By {
  ids: string[];
  /** Of the queue's owner. */
  tenantSeq: number;
}

/**
 * Makes failed single tasks ready again, in their places, as if they were new, and withdraws the callbacks that were to tell
 * of their failure; `ttlMs` is what they get to end.
 */
export const redriveTasks = procedureOfOne(
  'task-redrive',
  async (tx, request: DeadLetterRequest & { ttlMs: number }): Promise<Outcomes<RedriveOutcome>> => {
    const counts = new LaneCounts();
    const outcomes: RedriveOutcome[] = [];
    const readyLaneSeqs: number[] = [];
    for (const task of await deadLettersOf(tx, request)) {
      const outcome = typeof task === 'string' ? task : await redrive(tx, task, request);
      outcomes.push(outcome);
      if (outcome !== 'redriven' || typeof task === 'string') continue;
      counts.add(task.laneSeq, 'put');
      readyLaneSeqs.push(task.laneSeq);
    }
    await counts.write(tx);
    return { outcomes, aftermath: aftermathOf(readyLaneSeqs.map((readyLaneSeq) => ({ readyLaneSeq }))) };
  },
  { lanesOf: lanesOfRequests },
);

async function redrive(tx: Tx, task: KnownTask, { by, ttlMs }: By & { ttlMs: number }): Promise<RedriveOutcome> {
  const { seq, laneSeq, queueTenantSeq: tenantSeq } = task;
  const lane = await tx.manager.findOneByOrFail(LaneRow, { seq: laneSeq });
  if (seq <= lane.clearedSeq) return 'cleared'; // its place is in the part that gives nothing any more
  await tx.run(REDRIVE, { seq, now: tx.now, ttlMs });
  await tx.run(FORGET_RESULT, { seq });
  await tx.run(FORGET_EVENTS, { seq });
  await withdrawCallbacks(tx, seq);
  await noteAct(tx, { by, action: 'task.redrive', tenantSeq, subject: task.id!, detail: { tries: task.tries } });
  return 'redriven';
}

/** Forgets failed single tasks with all that belongs to them; true for each that is gone. */
export const dropTasks = procedureOfOne(
  'task-drop',
  async (tx, request: DeadLetterRequest): Promise<boolean[]> => {
    const dropped: boolean[] = [];
    for (const task of await deadLettersOf(tx, request)) {
      dropped.push(typeof task !== 'string');
      if (typeof task === 'string') continue;
      const { seq: taskSeq, queueTenantSeq: tenantSeq } = task;
      await tx.manager.delete(TaskRow, { seq: taskSeq });
      for (const entity of [TaskBodyRow, TaskResultRow, TaskEventRow, TaskAliasRow, AttemptRow]) {
        await tx.manager.delete(entity, { taskSeq });
      }
      await withdrawCallbacks(tx, taskSeq);
      const detail = { tries: task.tries };
      await noteAct(tx, { by: request.by, action: 'task.drop', tenantSeq, subject: task.id!, detail });
    }
    return dropped;
  },
  { lanesOf: lanesOfRequests },
);

function lanesOfRequests(tx: Tx, requests: readonly DeadLetterRequest[]): Promise<number[]> {
  return lanesOfClaims(
    tx,
    requests.map(({ ids }) => ids.map((id) => ({ key: { id } }))),
  );
}

/** Each id's failed task, or why there is none; an id that comes twice counts once. */
async function deadLettersOf(
  tx: Tx,
  { ids, tenantSeq }: DeadLetterRequest,
): Promise<(KnownTask | 'unknown' | 'not_failed')[]> {
  const known = await findTasks(
    tx,
    ids.map((id) => ({ id })),
  );
  const seen = new Set<number>();
  return known.map((task) => {
    if (!task || task.queueTenantSeq !== tenantSeq) return 'unknown';
    if (task.state !== TASK_STATE_CODE.failed || seen.has(task.seq)) return 'not_failed';
    seen.add(task.seq);
    return task;
  });
}
