/** The outbox: callbacks are written where a task ends, and leased, delivered and recorded from here on. */
import { In, MoreThan } from 'typeorm';
import { CALLBACK_STATE_CODE } from '../../kernel/callback-state.js';
import { MillraceError } from '../../kernel/errors.js';
import { newId } from '../../kernel/ids.js';
import { TASK_STATE_CODE } from '../../kernel/task-state.js';
import { CallbackAttemptRow } from '../entities/callback-attempt.entity.js';
import { CallbackRow } from '../entities/callback.entity.js';
import { TaskRow } from '../entities/task.entity.js';
import { procedureOfMany, procedureOfOne, type Tx } from '../procedure.js';
import { statement } from '../statement.js';
import { noteAct, type By } from './audit.js';
import type { Rescue } from './task.procedures.js';
import type { CallbackAttempt, CallbackEnd, CallbackLeaseRequest, LeasedCallback } from './callback-shapes.js';

const INSERT = statement<{ id: string; taskSeq: number; now: number }>('callback-insert');
const WITHDRAW = statement<{ seqs: string }, { seq: number }>('callback-withdraw');
const LEASE = statement<
  { tenantSeq: number; target: string; want: number; ownerSeq: number; now: number },
  LeasedCallback
>('callback-lease');
const RECORD = statement<{
  seq: number;
  epoch: number;
  state: number;
  availableAt: number | null;
  tried: number;
  endedAt: number | null;
}>('callback-record');
const ATTEMPT = statement<{ seq: number; epoch: number } & Record<keyof CallbackAttempt, string | number | null>>(
  'callback-attempt-insert',
);
const TRIM = statement<{ seq: number; kept: number }>('callback-attempt-trim');
const LOST = statement<Rescue & { limit: number }, { seq: number; epoch: number; leasedAt: number }>(
  'callback-lost-leases',
);

/** Tries of one callback that are remembered. A whole schedule is a dozen; only replays bring more. */
export const MAX_ATTEMPTS = 50;
const SWEEP_ROWS = 500;

/**
 * Writes the callbacks of tasks that are ending, in the transaction that ends them; tasks without a `callback_url` are
 * passed over. After the commit the event `callback.deliver` brings them on their way at once.
 */
export async function noteCallbacks(tx: Tx, taskSeqs: readonly number[]): Promise<void> {
  await tx.later(
    INSERT,
    taskSeqs.map((taskSeq) => ({ id: newId('callback'), taskSeq, now: tx.now })),
  );
}

/**
 * Forgets the callbacks of tasks that are not delivered, because what they have to tell is true no more; whoever is
 * delivering one has lost its lease. Those that were delivered stay, as a record of what was said.
 */
export async function withdrawCallbacks(tx: Tx, taskSeqs: readonly number[]): Promise<void> {
  const withdrawn = await tx.all(WITHDRAW, { seqs: JSON.stringify(taskSeqs) });
  if (withdrawn.length === 0) return;
  await tx.manager.delete(CallbackAttemptRow, { callbackSeq: In(withdrawn.map(({ seq }) => seq)) });
}

/** Leases due callbacks of the lines that are asked for, of each whoever has waited longest. */
export const leaseCallbacks = procedureOfOne(
  'callback-lease',
  async (tx, { ownerSeq, lines }: CallbackLeaseRequest) => {
    const leased: LeasedCallback[] = [];
    for (const line of lines) leased.push(...(await tx.all(LEASE, { ...line, ownerSeq, now: tx.now })));
    return leased;
  },
  { isRareAct: false },
);

/** Records what became of leased callbacks; false for those whose lease was lost meanwhile. */
export const recordCallbacks = procedureOfMany('callback-record', async (tx, ends: readonly CallbackEnd[]) => {
  await noteAttempts(tx, ends);
  const changes = await tx.each(
    RECORD,
    ends.map(({ seq, epoch, state, availableAt, attempt }) => ({
      seq,
      epoch,
      state: CALLBACK_STATE_CODE[state],
      availableAt,
      tried: attempt === null ? 0 : 1,
      endedAt: state === 'waiting' ? null : tx.now,
    })),
  );
  return changes.map((changed) => changed === 1);
});

async function noteAttempts(tx: Tx, ends: readonly Pick<CallbackEnd, 'seq' | 'epoch' | 'attempt'>[]): Promise<void> {
  const tried = ends.flatMap(({ seq, epoch, attempt }) => (attempt === null ? [] : [{ seq, epoch, ...attempt }]));
  await tx.each(ATTEMPT, tried);
  // Each attempt had an epoch of its own, so one with a lower epoch cannot have more of them.
  const many = tried.filter(({ epoch }) => epoch > MAX_ATTEMPTS);
  await tx.each(
    TRIM,
    many.map(({ seq }) => ({ seq, kept: MAX_ATTEMPTS })),
  );
}

/**
 * Takes back leases of instances that are dead. Nobody knows how far they
 * had come, so it is noted as an attempt but not counted as a try. Returns how many were taken back.
 */
export const rescueCallbacks = procedureOfOne('callback-rescue', async (tx, { ownerSeq, deadSeq }: Rescue) => {
  const lost = await tx.all(LOST, { ownerSeq, deadSeq, limit: SWEEP_ROWS });
  const error = 'the server ended before it could note what came of it';
  await noteAttempts(
    tx,
    lost.map(({ seq, epoch, leasedAt }) => {
      const attempt = { startedAt: leasedAt, tookMs: tx.now - leasedAt, statusCode: null, error, answer: null };
      return { seq, epoch, attempt };
    }),
  );
  const waiting = { state: CALLBACK_STATE_CODE.waiting, availableAt: null, tried: 0, endedAt: null };
  await tx.each(
    RECORD,
    lost.map(({ seq, epoch }) => ({ seq, epoch, ...waiting })),
  );
  return { rescued: lost.length, isMore: lost.length === SWEEP_ROWS };
});

export interface Replay extends By {
  id: string;
  taskSeq: number;
}

/**
 * Makes a callback due now: one that has ended begins its schedule anew, one that waits for its next try does not wait any
 * longer. Refuses with `not_found`, and with `conflict` while it is being delivered or when its task was sent back since.
 */
export const replayCallback = procedureOfOne('callback-replay', async (tx, { id, taskSeq, by }: Replay) => {
  const known = await tx.manager.findOneBy(CallbackRow, { id, taskSeq });
  if (known) await tx.locks?.row('callback', known.seq);
  const row = known && tx.locks ? await tx.manager.findOneBy(CallbackRow, { id, taskSeq }) : known;
  if (!row) throw new MillraceError('not_found', `This task has no callback '${id}'.`);
  const { seq, tenantSeq, state, tries } = row;
  if (state === CALLBACK_STATE_CODE.leased) {
    throw new MillraceError('conflict', `The callback '${id}' is being delivered at this moment.`);
  }
  await checkSubject(tx, row);
  const isWaiting = state === CALLBACK_STATE_CODE.waiting;
  await tx.manager.update(
    CallbackRow,
    { seq },
    {
      state: CALLBACK_STATE_CODE.waiting,
      tries: isWaiting ? tries : 0,
      availableAt: tx.now,
      endedAt: null,
    },
  );
  await noteAct(tx, { by, action: 'callback.replay', tenantSeq, subject: id, detail: { url: row.url } });
  return tx.manager.findOneByOrFail(CallbackRow, { seq });
});

/** What it told was replaced when the task was sent back; the task's new end is told by a callback of its own. */
async function checkSubject(tx: Tx, { id, seq, taskSeq }: CallbackRow): Promise<void> {
  if (taskSeq === null) return;
  const task = await tx.manager.findOne(TaskRow, { select: { state: true }, where: { seq: taskSeq } });
  const isSuperseded =
    (task !== null && task.state <= TASK_STATE_CODE.leased) ||
    (await tx.manager.existsBy(CallbackRow, { taskSeq, seq: MoreThan(seq) }));
  if (!isSuperseded) return;
  const text = `The callback '${id}' told how the task ended before it was sent back, and cannot be sent again.`;
  throw new MillraceError('conflict', text);
}
