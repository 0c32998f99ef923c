/** Tasks that are ended from outside: cancelled, expired, or cleared away with their lane. */
import { TASK_STATE_CODE } from '../../kernel/task-state.js';
import { MillraceError } from '../../kernel/errors.js';
import { TIMED_OUT } from '../../kernel/timed-out.js';
import { procedureOfMany, procedureOfOne, type Tx } from '../procedure.js';
import { statement } from '../statement.js';
import { LaneRow } from '../entities/lane.entity.js';
import { QueueRow } from '../entities/queue.entity.js';
import { aftermathOf, endSequel, type Sequel } from './aftermath.js';
import { noteAttempts } from './attempts.js';
import { noteAct, type By } from './audit.js';
import type { Aftermath, CancelOutcome, Outcomes, TaskKey } from './single-shapes.js';
import { recordStops, type StoppedTask, type StopReason } from './task-ends.js';
import { lanesOfClaims } from './task-lanes.js';
import { findTasks, type KnownTask } from './task-lookup.js';
import { SWEEP_ROWS } from './task.procedures.js';

export interface CancelRequest {
  key: TaskKey;
  /** The task must belong to this tenant. */
  tenantSeq: number;
  /** Who asks, for the audit log; null when the server does it for a caller who went away. */
  by: string | null;
  /** Whether the time of that caller was over; he is told the same when he asks again. */
  isTimeOut?: boolean;
}

const CANCELLED: StopReason = {
  state: 'cancelled',
  errorCode: 'cancelled',
  errorMessage: 'The task was cancelled before it was done.',
};
const OUT_OF_TIME: StopReason = {
  state: 'cancelled',
  errorCode: TIMED_OUT.code,
  errorMessage: TIMED_OUT.message,
};
const EXPIRED: StopReason = {
  state: 'expired',
  errorCode: 'expired',
  errorMessage: 'The task was not done before its time was over.',
};
const CLEARED_AWAY: StopReason = {
  state: 'cancelled',
  errorCode: 'cleared',
  errorMessage: 'The task was cleared away with all that waited in its queue.',
};

/** Cancels single tasks; one that has ended stays as it is. */
export const cancelTasks = procedureOfMany(
  'task-cancel',
  async (tx, calls: readonly (readonly CancelRequest[])[]): Promise<Outcomes<CancelOutcome>[]> => {
    const results: Outcomes<CancelOutcome>[] = [];
    for (const requests of calls) results.push(await cancel(tx, requests));
    return results;
  },
  { lanesOf: lanesOfClaims },
);

async function cancel(tx: Tx, requests: readonly CancelRequest[]): Promise<Outcomes<CancelOutcome>> {
  const known = await findTasks(
    tx,
    requests.map(({ key }) => key),
  );
  const stopped = new Map<number, { task: KnownTask; reason: StopReason }>();
  const outcomes = requests.map(({ tenantSeq, isTimeOut }, index): CancelOutcome => {
    const task = known[index]!;
    if (!task || task.tenantSeq !== tenantSeq) return 'unknown';
    if (task.batchSeq !== null) return 'is_line';
    if (task.state > TASK_STATE_CODE.leased) return 'ended_before';
    if (!stopped.has(task.seq)) stopped.set(task.seq, { task, reason: isTimeOut ? OUT_OF_TIME : CANCELLED });
    return 'cancelled';
  });
  const sequels: Sequel[] = [];
  for (const reason of [CANCELLED, OUT_OF_TIME]) {
    const tasks = [...stopped.values()].flatMap((one) => (one.reason === reason ? one.task : []));
    if (tasks.length > 0) sequels.push(...(await recordSequels(tx, tasks, reason)));
  }
  for (const [index, { by, tenantSeq }] of requests.entries()) {
    const { id } = known[index] ?? {};
    if (by === null || !id || outcomes[index] !== 'cancelled') continue;
    await noteAct(tx, { by, action: 'task.cancel', tenantSeq, subject: id, detail: {} });
  }
  return { outcomes, aftermath: aftermathOf(sequels) };
}

type Stoppable = StoppedTask & {
  id: string | null;
  /** The dispatcher's instance, if one runs it. */
  ownerSeq: number | null;
  state: number;
  /** Whether its end lets another one begin: 1 or 0; left out of those that only wait. */
  holdsRoom?: number;
};

async function stop(tx: Tx, tasks: readonly Stoppable[], reason: StopReason): Promise<Aftermath> {
  return aftermathOf(await recordSequels(tx, tasks, reason));
}

async function recordSequels(tx: Tx, tasks: readonly Stoppable[], reason: StopReason): Promise<Sequel[]> {
  const ends = await recordStops(tx, tasks, reason);
  return tasks.map((task, index) =>
    endSequel(task, ends[index]!, task.state === TASK_STATE_CODE.leased && task.ownerSeq !== null),
  );
}

type ExpiredTask = Omit<Stoppable, 'batchSeq'> & { epoch: number; leasedAt: number | null };

const EXPIRED_TASKS = statement<{ now: number; limit: number }, ExpiredTask>('task-expired');

const RAN_OUT = { outcome: 'lost', statusCode: null, detail: 'the time of the task was over' } as const;

/** Ends single tasks whose time is over, those that run included. At most 2,000 a step. */
export const expireTasks = procedureOfOne(
  'task-expire',
  async (tx, _: null) => {
    const expired = await tx.all(EXPIRED_TASKS, { now: tx.now, limit: SWEEP_ROWS });
    const running = expired.filter(({ state }) => state === TASK_STATE_CODE.leased);
    await noteAttempts(
      tx,
      running.map(({ seq, epoch, leasedAt }) => ({ seq, epoch, note: { ...RAN_OUT, startedAt: leasedAt } })),
    );
    const aftermath = await stop(
      tx,
      expired.map((task) => ({ ...task, batchSeq: null })),
      EXPIRED,
    );
    return { aftermath, isMore: expired.length === SWEEP_ROWS };
  },
  { isRareAct: false },
);

const CLEAR = statement<{ laneSeq: number }>('lane-clear');

/** From now on nothing that waits in the lane is given out; the tasks themselves are ended by `cancelCleared`. */
export const clearLane = procedureOfOne(
  'lane-clear',
  async (tx, { laneSeq, by }: { laneSeq: number } & By) => {
    const lane = await tx.manager.findOneBy(LaneRow, { seq: laneSeq });
    const queue = lane && (await tx.manager.findOneBy(QueueRow, { seq: lane.queueSeq }));
    if (!lane || !queue) throw new MillraceError('queue_not_found', 'The queue was deleted meanwhile.');
    await tx.run(CLEAR, { laneSeq });
    const { tenantSeq, id: subject, name } = queue;
    await noteAct(tx, { by, action: 'queue.clear', tenantSeq, subject, detail: { name, level: lane.level } });
  },
  { lanesOf: (_tx, items) => items.map(({ laneSeq }) => laneSeq) },
);

type ClearedTask = { seq: number; id: string | null; laneSeq: number; batchSeq: number | null; hasCallback: number };

// One for each state, because each state has an index of its own.
const CLEARED = [
  {
    state: TASK_STATE_CODE.ready,
    waiting: statement<{ laneSeq: number; limit: number }, ClearedTask>('lane-cleared-ready'),
  },
  {
    state: TASK_STATE_CODE.scheduled,
    waiting: statement<{ laneSeq: number; limit: number }, ClearedTask>('lane-cleared-scheduled'),
  },
];

/** Ends tasks that wait in the cleared part of a lane, at most 2,000 a step. */
export const cancelCleared = procedureOfOne(
  'lane-cancel-cleared',
  async (tx, { laneSeq }: { laneSeq: number }) => {
    const tasks: Stoppable[] = [];
    for (const { state, waiting } of CLEARED) {
      const found = await tx.all(waiting, { laneSeq, limit: SWEEP_ROWS - tasks.length });
      tasks.push(...found.map((task) => ({ ...task, state, ownerSeq: null })));
    }
    const aftermath = await stop(tx, tasks, CLEARED_AWAY);
    return { cancelled: tasks.length, aftermath, isMore: tasks.length === SWEEP_ROWS };
  },
  { isRareAct: false, lanesOf: (_tx, items) => items.map(({ laneSeq }) => laneSeq) },
);
