/** Failed tasks, kept for people: sent back, or forgotten. */
import { LaneRow } from '../entities/lane.entity.js';
import { TASK_STATE_CODE } from '../../kernel/task-state.js';
import { procedureOfOne, type Tx } from '../procedure.js';
import { statement } from '../statement.js';
import { aftermathOf } from './aftermath.js';
import { noteActs, type AuditAction, type By } from './audit.js';
import { withdrawCallbacks } from './callback.procedures.js';
import { LaneCounts } from './lane-counts.js';
import type { Outcomes, RedriveOutcome } from './single-shapes.js';
import { lanesOfClaims } from './task-lanes.js';
import { findTasks, type KnownTask } from './task-lookup.js';
import { SWEEP_ROWS } from './task.procedures.js';

type OfTasks = { seqs: string };

const REDRIVE = statement<{ seq: number; now: number; ttlMs: number }>('task-redrive');
const FORGET_RESULTS = statement<OfTasks>('task-result-delete');
const FORGET_EVENTS = statement<OfTasks>('task-events-delete');
const FORGET_TASKS = statement<OfTasks>('task-delete');
const FORGET_BODIES = statement<OfTasks>('task-body-delete');
const FORGET_ALIASES = statement<OfTasks>('task-alias-delete');
const FORGET_ATTEMPTS = statement<OfTasks>('attempt-delete');
const RECORD_COUNTS = statement<OfTasks, { seq: number; total: number }>('task-record-counts');
/** Of a task that has few: itself, its body, its result and its entry in the audit log. */
const ROWS_OF_EACH = 4;

export interface DeadLetterRequest extends By {
  ids: string[];
  /** Of the queue's owner. */
  tenantSeq: number;
}

/** A failed task, or why an id has none. */
type Letter = KnownTask | 'unknown' | 'not_failed';

/**
 * Makes failed single tasks ready again, in their places, as if they were new, and withdraws the callbacks that were to tell
 * of their failure; `ttlMs` is what they get to end.
 */
export const redriveTasks = procedureOfOne(
  'task-redrive',
  async (tx, request: DeadLetterRequest & { ttlMs: number }): Promise<Outcomes<RedriveOutcome>> => {
    const counts = new LaneCounts();
    const outcomes: RedriveOutcome[] = [];
    const redriven: KnownTask[] = [];
    for (const task of await deadLettersOf(tx, request)) {
      const outcome = typeof task === 'string' ? task : await redrive(tx, task, request.ttlMs);
      outcomes.push(outcome);
      if (outcome !== 'redriven' || typeof task === 'string') continue;
      counts.add(task.laneSeq, 'put');
      redriven.push(task);
    }
    await forgetFailures(tx, redriven);
    await noteEach(tx, 'task.redrive', redriven, request);
    await counts.write(tx);
    return { outcomes, aftermath: aftermathOf(redriven.map(({ laneSeq }) => ({ readyLaneSeq: laneSeq }))) };
  },
  { lanesOf: lanesOfRequests },
);

async function redrive(tx: Tx, { seq, laneSeq }: KnownTask, ttlMs: number): Promise<RedriveOutcome> {
  const lane = await tx.manager.findOneByOrFail(LaneRow, { seq: laneSeq });
  if (seq <= lane.clearedSeq) return 'cleared'; // its place is in the part that gives nothing any more
  await tx.run(REDRIVE, { seq, now: tx.now, ttlMs });
  return 'redriven';
}

/**
 * Forgets failed single tasks with all that belongs to them, in the order given, until as many rows are gone as one transaction
 * may touch; true for each of those it came to that is gone.
 */
export const dropTasks = procedureOfOne(
  'task-drop',
  async (tx, request: DeadLetterRequest): Promise<boolean[]> => {
    const letters = await firstOf(tx, await deadLettersOf(tx, request));
    const dropped = failedOf(letters);
    for (const forget of [FORGET_TASKS, FORGET_BODIES, FORGET_ALIASES, FORGET_ATTEMPTS]) {
      await tx.run(forget, { seqs: seqsOf(dropped) });
    }
    await forgetFailures(tx, dropped);
    await noteEach(tx, 'task.drop', dropped, request);
    return letters.map((letter) => typeof letter !== 'string');
  },
  { lanesOf: lanesOfRequests },
);

/** So many that no transaction holds others up; one at least. */
async function firstOf(tx: Tx, letters: readonly Letter[]): Promise<Letter[]> {
  const counted = await tx.all(RECORD_COUNTS, { seqs: seqsOf(failedOf(letters)) });
  const countOf = new Map(counted.map(({ seq, total }) => [seq, total]));
  let rows = 0;
  const end = letters.findIndex((letter, index) => {
    if (typeof letter !== 'string') rows += ROWS_OF_EACH + countOf.get(letter.seq)!;
    return index > 0 && rows > SWEEP_ROWS;
  });
  return end === -1 ? [...letters] : letters.slice(0, end);
}

/** Forgets how tasks failed, and what they said on the way; nobody is told of it any more. */
async function forgetFailures(tx: Tx, tasks: readonly KnownTask[]): Promise<void> {
  await tx.run(FORGET_RESULTS, { seqs: seqsOf(tasks) });
  await tx.run(FORGET_EVENTS, { seqs: seqsOf(tasks) });
  await withdrawCallbacks(
    tx,
    tasks.map(({ seq }) => seq),
  );
}

async function noteEach(tx: Tx, action: AuditAction, tasks: readonly KnownTask[], { by }: By): Promise<void> {
  await noteActs(
    tx,
    tasks.map(({ id, tries, queueTenantSeq: tenantSeq }) => {
      return { by, action, tenantSeq, subject: id!, detail: { tries } };
    }),
  );
}

function failedOf(letters: readonly Letter[]): KnownTask[] {
  return letters.filter((letter) => typeof letter !== 'string');
}

function seqsOf(tasks: readonly KnownTask[]): string {
  return JSON.stringify(tasks.map(({ seq }) => seq));
}

function lanesOfRequests(tx: Tx, requests: readonly DeadLetterRequest[]): Promise<number[]> {
  return lanesOfClaims(
    tx,
    requests.map(({ ids }) => ids.map((id) => ({ key: { id } }))),
  );
}

/** Each id's failed task, or why there is none; an id that comes twice counts once. */
async function deadLettersOf(tx: Tx, { ids, tenantSeq }: DeadLetterRequest): Promise<Letter[]> {
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
