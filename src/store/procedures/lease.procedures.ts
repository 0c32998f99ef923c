/** What becomes of the leases of workers between take and complete: kept, given up, failed, or run out. */
import { retryPolicyOf, type RetryChoice, type RetryPolicy } from '../../kernel/retry-policy.js';
import { backoffMs } from '../../kernel/backoff.js';
import { type LeaseEnd, UNLIMITED_RETRIES } from '../../kernel/pull.js';
import { procedureOfMany, procedureOfOne, type Tx } from '../procedure.js';
import { statement } from '../statement.js';
import { aftermathOf, endSequel, type Sequel } from './aftermath.js';
import { noteAttempts } from './attempts.js';
import type { Aftermath, Failure, HolderClaim, HolderVerdict, Outcomes, WorkerNote } from './single-shapes.js';
import { recordEnds } from './task-ends.js';
import { lanesOfClaims } from './task-lanes.js';
import { findTasks, isHeldBy, refusalOf, type KnownTask } from './task-lookup.js';
import { recordReturns } from './task-returns.js';
import type { AttemptNote, FinishedTask, ReturnedTask } from './task-shapes.js';
import { SWEEP_ROWS } from './task.procedures.js';
import { noteHolders, seqOfWorkers } from './workers.js';

const HEARTBEAT = statement<{ seq: number; epoch: number; now: number; extendMs: number | null }>('task-heartbeat');
const OVERDUE = statement<{ now: number; limit: number }, OverdueLease>('task-overdue');

export interface HeartbeatRequest {
  claims: HolderClaim[];
  /** Null: whoever took the tasks. */
  worker: WorkerNote | null;
  /** How long the leases last from now on; left out, as long as they were given for. */
  extendMs?: number | null;
}

/** Moves the ends of leases on; tells of each claim whether it still holds (`done`). */
export const renewLeases = procedureOfMany(
  'task-heartbeat',
  async (tx, calls: readonly HeartbeatRequest[]): Promise<HolderVerdict[][]> => {
    await seqOfWorkers(
      tx,
      calls.map(({ worker }) => ({ worker, laneSeqs: [] })),
    );
    const verdicts: HolderVerdict[][] = [];
    const ofNameless: number[] = [];
    for (const { claims, worker, extendMs = null } of calls) {
      const known = await findTasks(
        tx,
        claims.map(({ key }) => key),
      );
      const held = known.filter((task, index): task is KnownTask => isHeldBy(task, claims[index]!));
      await tx.each(
        HEARTBEAT,
        held.map(({ seq, epoch }) => ({ seq, epoch, now: tx.now, extendMs })),
      );
      if (worker === null) ofNameless.push(...held.map(({ seq }) => seq));
      verdicts.push(claims.map((claim, index) => verdictOf(known[index]!, claim)));
    }
    await noteHolders(tx, ofNameless);
    return verdicts;
  },
  {
    lanesOf: (tx, calls) =>
      lanesOfClaims(
        tx,
        calls.map(({ claims }) => claims),
      ),
  },
);

function verdictOf(task: KnownTask | null, claim: HolderClaim): HolderVerdict {
  return isHeldBy(task, claim) ? 'done' : refusalOf(task, claim);
}

/** Gives tasks back untouched: at once to their places, and no try. */
export const releaseTasks = procedureOfMany(
  'task-release',
  async (tx, calls: readonly (readonly HolderClaim[])[]): Promise<Outcomes<HolderVerdict>[]> => {
    const results: Outcomes<HolderVerdict>[] = [];
    for (const claims of calls) {
      results.push(
        await endLeases(tx, claims, (task) =>
          task.isHeard === 1 ? interrupted(task, 'The worker gave it back.', null) : back(task, null, false, null),
        ),
      );
    }
    return results;
  },
  { lanesOf: lanesOfClaims },
);

/** Attempts that failed: another one after a while, or the end, as the queue's retry policy or the worker says. */
export const failTasks = procedureOfMany(
  'task-fail',
  async (tx, calls: readonly (readonly Failure[])[]): Promise<Outcomes<HolderVerdict>[]> => {
    const results: Outcomes<HolderVerdict>[] = [];
    for (const failures of calls) results.push(await endLeases(tx, failures, (task, item) => failed(tx, task, item)));
    return results;
  },
  { lanesOf: lanesOfClaims },
);

function failed(tx: Tx, task: KnownTask, failure: Failure): LeaseFate {
  const { code, message, retryAfterMs, isFinal, defaultMaxTries } = failure;
  const attempt = noteOf(task, 'failed', `${code}: ${message}`);
  const { maxTries, backoff } = policyOf(task);
  const isLast = isFinal || task.isHeard === 1 || task.tries + 1 >= (maxTries ?? defaultMaxTries);
  if (isLast) return { end: endOf(task, 'failed', { isTry: true, errorCode: code, errorMessage: message }), attempt };
  return back(task, tx.now + (retryAfterMs ?? backoffMs(task.tries + 1, backoff)), true, attempt);
}

/** What is to become of a lease; `attempt` is noted first. */
type LeaseFate =
  { back: ReturnedTask; attempt: AttemptNote | null } | { end: FinishedTask; attempt: AttemptNote | null };

/** Ends the leases of those whose claims hold, in two strokes: returns and ends. */
async function endLeases<C extends HolderClaim>(
  tx: Tx,
  claims: readonly C[],
  decide: (task: KnownTask, claim: C) => LeaseFate,
): Promise<Outcomes<HolderVerdict>> {
  const known = await findTasks(
    tx,
    claims.map(({ key }) => key),
  );
  const done = new Set<number>();
  const fates: { task: KnownTask; fate: LeaseFate }[] = [];
  const outcomes = claims.map((claim, index): HolderVerdict => {
    const task = known[index]!;
    if (!isHeldBy(task, claim) || done.has(task.seq)) return refusalOf(task, claim);
    done.add(task.seq); // what is said twice in one call counts once
    fates.push({ task, fate: decide(task, claim) });
    return 'done';
  });
  return { outcomes, aftermath: aftermathOf(await carryOut(tx, fates)) };
}

async function carryOut(tx: Tx, fates: readonly { task: KnownTask; fate: LeaseFate }[]): Promise<Sequel[]> {
  const backs = fates.flatMap(({ fate }) => ('back' in fate ? [fate.back] : []));
  const ends = fates.flatMap(({ task, fate }) => ('end' in fate ? [{ task, ...fate }] : []));
  await recordReturns(tx, backs);
  await noteAttempts(
    tx,
    ends.flatMap(({ end: { seq, epoch }, attempt }) => (attempt === null ? [] : [{ seq, epoch, note: attempt }])),
  );
  const results = await recordEnds(
    tx,
    ends.map(({ end }) => end),
  );
  return [
    ...backs.map(({ laneSeq, availableAt }) => (availableAt === null ? { readyLaneSeq: laneSeq } : {})),
    ...ends.map(({ task }, index) => endSequel(task, results[index]!)),
  ];
}

type OverdueLease = KnownTask & { leaseEnd: LeaseEnd; leaseRetries: number; expiresAt: number | null };

/** Ends leases whose time is over, each as its taker said. At most 2,000 a step. */
export const endOverdueLeases = procedureOfOne(
  'task-end-leases',
  async (tx, { defaultMaxTries }: { defaultMaxTries: number }): Promise<{ aftermath: Aftermath; isMore: boolean }> => {
    const overdue = await tx.all(OVERDUE, { now: tx.now, limit: SWEEP_ROWS });
    const fates = overdue.map((task) => ({ task, fate: fateOf(tx, task, defaultMaxTries) }));
    return { aftermath: aftermathOf(await carryOut(tx, fates)), isMore: overdue.length === SWEEP_ROWS };
  },
  { isRareAct: false },
);

function fateOf(tx: Tx, task: OverdueLease, defaultMaxTries: number): LeaseFate {
  const attempt = noteOf(task, 'lost', 'its worker let the lease run out');
  if (task.isHeard === 1) return interrupted(task, 'Its worker fell silent.', attempt);
  const isExpired = task.expiresAt !== null && task.expiresAt <= tx.now;
  const lost = { isTry: true, errorCode: 'lease_expired', errorMessage: 'Its worker let the lease run out.' };
  if (task.leaseEnd === 'complete_408') {
    const isRetried = task.leaseRetries === UNLIMITED_RETRIES || task.tries < task.leaseRetries;
    if (isRetried && !isExpired) return back(task, null, true, attempt);
    return { end: endOf(task, 'completed', { isTry: true, ...timedOut(task) }), attempt };
  }
  if (task.leaseEnd === 'retry') {
    const { maxTries, backoff } = policyOf(task);
    const isLast = task.tries + 1 >= (maxTries ?? defaultMaxTries);
    if (!isLast) return back(task, tx.now + backoffMs(task.tries + 1, backoff), true, attempt);
  }
  return { end: endOf(task, task.leaseEnd === 'expire' ? 'expired' : 'failed', lost), attempt };
}

/** Of a line the result file wants a body to show. */
function timedOut({ id, batchSeq }: KnownTask): Partial<FinishedTask> {
  const error = { message: 'Its worker let the lease run out.', type: 'timeout', param: null, code: 'lease_expired' };
  return { statusCode: 408, requestId: id, body: batchSeq === null ? null : JSON.stringify({ error }) };
}

/** A second attempt would say again, and otherwise, what the caller of a stream has heard already. */
function interrupted(task: KnownTask, why: string, attempt: AttemptNote | null): LeaseFate {
  const errorMessage = `The attempt ended in the middle of its stream. ${why}`;
  return { end: endOf(task, 'failed', { isTry: true, errorCode: 'stream_interrupted', errorMessage }), attempt };
}

function back(task: KnownTask, availableAt: number | null, isTry: boolean, attempt: AttemptNote | null): LeaseFate {
  const { seq, epoch, laneSeq } = task;
  return { back: { seq, epoch, laneSeq, availableAt, isTry, isLoss: false, attempt }, attempt };
}

function endOf(
  task: KnownTask,
  state: FinishedTask['state'],
  over: Pick<FinishedTask, 'isTry'> & Partial<FinishedTask>,
): FinishedTask {
  const { seq, epoch, laneSeq, batchSeq } = task;
  const nothing = { statusCode: null, requestId: null, body: null, blobKey: null, errorCode: null, errorMessage: null };
  return {
    seq,
    epoch,
    laneSeq,
    batchSeq,
    state,
    ...nothing,
    usage: null,
    hasCallback: task.hasCallback === 1,
    lastWords: null,
    ...over,
  };
}

function noteOf(task: KnownTask, outcome: AttemptNote['outcome'], detail: string): AttemptNote {
  return { outcome, startedAt: task.leasedAt, statusCode: null, detail };
}

function policyOf({ retryPolicy }: KnownTask): RetryPolicy {
  return retryPolicyOf(retryPolicy === null ? null : (JSON.parse(retryPolicy) as RetryChoice));
}
