/**
 * Forgetting what was kept long enough. A call removes at most about SWEEP_ROWS rows and then says how far it came, so that
 * no transaction holds others up. Rows go before the bytes of their blobs: a crash between the two leaves orphans, which are
 * looked for anyway; the other way round it would leave rows that promise what is gone.
 */
import { In } from 'typeorm';
import { DeletedLaneRow } from '../entities/deleted-lane.entity.js';
import { TaskRow } from '../entities/task.entity.js';
import { procedureOfOne } from '../procedure.js';
import { statement } from '../statement.js';
import { SWEEP_ROWS } from './task.procedures.js';

type BySeq = { seq: number };
type SpilledTo = { blobKey: string | null };
type OldRows = { before: number; limit: number };

const FORGET_TASK = statement<BySeq>('task-forget');
const FORGET_BODY = statement<BySeq, SpilledTo>('task-body-forget');
const FORGET_RESULT = statement<BySeq, SpilledTo>('task-result-forget');
const FORGET_ALIASES = statement<BySeq>('task-alias-forget');
const FORGET_ATTEMPTS = statement<BySeq>('attempt-forget');

/** What came of forgetting tasks. */
export interface ForgottenTasks {
  /** How many of the tasks are gone. */
  tasks: number;
  /** Blobs that held their bodies and results; nothing names them any more. */
  blobKeys: string[];
}

/**
 * Forgets tasks that have ended, with all that belongs to them, in the order given, until as many rows are gone as one
 * transaction may touch. Events of streams go by their own age. A task that was made ready again meanwhile stays.
 */
export const forgetTasks = procedureOfOne(
  'task-forget',
  async (tx, { seqs }: { seqs: number[] }) => {
    const forgotten: ForgottenTasks = { tasks: 0, blobKeys: [] };
    let rows = 0;
    for (const seq of seqs) {
      if (rows >= SWEEP_ROWS) break;
      if ((await tx.run(FORGET_TASK, { seq })) === 0) continue;
      const spilled = [...(await tx.all(FORGET_BODY, { seq })), ...(await tx.all(FORGET_RESULT, { seq }))];
      rows += 1 + spilled.length + (await tx.run(FORGET_ATTEMPTS, { seq })) + (await tx.run(FORGET_ALIASES, { seq }));
      forgotten.tasks += 1;
      forgotten.blobKeys.push(...spilled.flatMap(({ blobKey }) => (blobKey === null ? [] : [blobKey])));
    }
    return forgotten;
  },
  {
    lanesOf: async (tx, items) => {
      const seq = In(items.flatMap(({ seqs }) => seqs));
      const tasks = await tx.manager.find(TaskRow, { select: { laneSeq: true }, where: { seq } });
      return [...new Set(tasks.map(({ laneSeq }) => laneSeq))];
    },
  },
);

/** Forgets lanes of deleted queues, once no task is left of them; none comes to them any more. */
export const forgetLanes = procedureOfOne('deleted-lane-forget', async (tx, { seqs }: { seqs: number[] }) => {
  await tx.manager.delete(DeletedLaneRow, { seq: In(seqs) });
});

const CLEAR_BATCH = statement<{ batchSeq: number; now: number }>('batch-clear');

/** Notes that no line of an ended batch is left. False when there is one, or somebody has noted it already. */
export const clearBatch = procedureOfOne(
  'batch-clear',
  async (tx, { batchSeq }: { batchSeq: number }) => (await tx.run(CLEAR_BATCH, { batchSeq, now: tx.now })) === 1,
);

const FORGET_CALLBACK = statement<BySeq>('callback-forget');
const FORGET_CALLBACK_ATTEMPTS = statement<BySeq>('callback-attempt-forget');

/** Forgets callbacks that have ended, with the tries to deliver them, as `forgetTasks` does; returns how many. */
export const forgetCallbacks = procedureOfOne('callback-forget', async (tx, { seqs }: { seqs: number[] }) => {
  let callbacks = 0;
  let rows = 0;
  for (const seq of seqs) {
    if (rows >= SWEEP_ROWS) break;
    if ((await tx.run(FORGET_CALLBACK, { seq })) === 0) continue;
    callbacks += 1;
    rows += 1 + (await tx.run(FORGET_CALLBACK_ATTEMPTS, { seq }));
  }
  return callbacks;
});

const FORGET_INSTANCES = statement<OldRows & { ownSeq: number }>('instance-forget');

/** Rows that are forgotten by their age alone. */
const FORGET_OLD = {
  acts: statement<OldRows>('audit-forget'),
  batches: statement<OldRows>('batch-forget'),
  events: statement<OldRows>('event-forget'),
  idempotencyKeys: statement<OldRows>('idempotency-forget'),
  workers: statement<OldRows>('worker-forget'),
} as const;

export type OldRowKind = keyof typeof FORGET_OLD;

/** Forgets the oldest rows of one kind that are not younger than `before` (epoch ms); returns how many went. */
export const forgetOldRows = procedureOfOne(
  'rows-forget',
  (tx, { kind, before }: { kind: OldRowKind; before: number }): Promise<number> =>
    tx.run(FORGET_OLD[kind], { before, limit: SWEEP_ROWS }),
);

/** Forgets server processes that were last heard of before `before` (epoch ms), never the caller's own. */
export const forgetInstances = procedureOfOne(
  'instance-forget',
  (tx, { before, ownSeq }: { before: number; ownSeq: number }): Promise<number> =>
    tx.run(FORGET_INSTANCES, { before, ownSeq, limit: SWEEP_ROWS }),
);
