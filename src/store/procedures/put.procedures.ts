/** Single tasks come in: each with its body and its Idempotency-Key in one transaction, many at once. */
import { counted } from '../../kernel/counted.js';
import { MillraceError, type PlainError } from '../../kernel/errors.js';
import { TASK_STATE_CODE } from '../../kernel/task-state.js';
import { procedureOfMany, type Read, type Tx } from '../procedure.js';
import { statement } from '../statement.js';
import { BulkKey, type BulkClaim } from './bulk-keys.js';
import { FIND_KEY, IDEMPOTENCY_TTL_MS, keyReused, REMEMBER_KEY, type IdempotencyClaim } from './idempotency.js';
import { LaneCounts } from './lane-counts.js';
import type { NewTask, PutOutcome, PutTask } from './single-shapes.js';
import { leaseSlices, readOfLane } from './task.procedures.js';
import type { LeaseRequest } from './task-shapes.js';

const INSERT = statement<{
  id: string;
  tenantSeq: number;
  queueSeq: number;
  laneSeq: number;
  state: number;
  mode: string;
  type: string | null;
  endpoint: string | null;
  keyId: string | null;
  now: number;
  availableAt: number | null;
  expiresAt: number;
  traceId: string | null;
  callbackUrl: string | null;
}>('task-insert');
const BODY = statement<{ id: string; body: string | null; blobKey: string | null }>('task-body-insert');
const INTAKE = statement<{ laneSeq: number }, { queueSeq: number; queueName: string; maxDepth: number | null }>(
  'lane-intake',
);
const DEPTH = statement<{ queueSeq: number }, { depth: number }>('queue-depth');

export const TASK_KEY_SCOPE = 'tasks';
/** Said to whom a full queue turns away: nobody knows when it drains, so not at once and not much later. */
const FULL_RETRY_MS = 1000;

/** Of each call its tasks. */
type TaskLists = readonly (readonly NewTask[])[];

/** Tasks that are put together once, however often the call comes; `bulk`: the key that they, of which there are some, share. */
export interface PutOnce {
  tasks: readonly NewTask[];
  bulk: BulkClaim;
}

/**
 * An outcome for each task of each call, of which each may have a key of its own. A refused one leaves nothing behind, nor its
 * key. Who asks for a lease with it is given the head of its lane as it is then, so a task that is put never goes ahead of
 * another. Calls are plain lists, because those cross threads cheaply.
 */
export const putTasks = procedureOfMany(
  'task-put',
  (tx, calls: TaskLists) => put(tx, calls, (intake, tasks) => intake.admitAll(tasks)),
  { lanesOf: (_tx, calls) => lanesOf(calls), readsFirst },
);

/** As `putTasks`, for tasks that share a key. */
export const putTasksOnce = procedureOfMany(
  'task-put-once',
  (tx, calls: readonly PutOnce[]) => {
    const claims = calls.map(({ bulk }) => bulk);
    return put(tx, listsOf(calls), (intake, tasks, index) => intake.admitOnce(tasks, claims[index]!));
  },
  { lanesOf: (_tx, calls) => lanesOf(listsOf(calls)), readsFirst: (calls) => readsFirst(listsOf(calls)) },
);

function listsOf(calls: readonly PutOnce[]): TaskLists {
  return calls.map(({ tasks }) => tasks);
}

async function put(
  tx: Tx,
  lists: TaskLists,
  admit: (intake: Intake, tasks: readonly NewTask[], index: number) => Promise<PutOutcome[]>,
): Promise<PutOutcome[][]> {
  const intake = new Intake(tx);
  const accepted: NewTask[] = [];
  const outcomes: PutOutcome[][] = [];
  for (const [index, tasks] of lists.entries()) {
    const ofCall = await admit(intake, tasks, index);
    accepted.push(...tasks.filter((_, place) => ofCall[place]!.kind === 'put'));
    outcomes.push(ofCall);
  }
  await insert(tx, accepted);
  await leaseFor(tx, accepted, outcomes.flat().filter(isPut));
  return outcomes;
}

/** Each once. */
function lanesOf(lists: TaskLists): number[] {
  return [...new Set(lists.flatMap((tasks) => tasks.map(({ laneSeq }) => laneSeq)))];
}

function readsFirst(lists: TaskLists): Read[] {
  return [
    ...lanesOf(lists).map((laneSeq): Read => ({ statement: INTAKE, params: { laneSeq } })),
    ...lists.flat().flatMap(({ laneSeq, lease }) => (lease === null ? [] : [readOfLane({ laneSeq, ...lease })])),
  ];
}

async function insert(tx: Tx, tasks: readonly NewTask[]): Promise<void> {
  await tx.later(
    INSERT,
    tasks.map(({ id, tenantSeq, queueSeq, laneSeq, mode, type, endpoint, keyId, traceId, callbackUrl, ...task }) => {
      const isReady = isReadyAt(task, tx.now);
      return {
        id,
        tenantSeq,
        queueSeq,
        laneSeq,
        mode,
        type,
        endpoint,
        keyId,
        traceId,
        callbackUrl,
        state: isReady ? TASK_STATE_CODE.ready : TASK_STATE_CODE.scheduled,
        now: tx.now,
        availableAt: isReady ? null : task.availableAt,
        expiresAt: tx.now + task.ttlMs,
      };
    }),
  );
  await tx.later(
    BODY,
    tasks.map(({ id, body, blobKey }) => ({ id, body, blobKey })),
  );
  const counts = new LaneCounts();
  for (const { laneSeq } of tasks) counts.add(laneSeq, 'put');
  await counts.write(tx);
}

function isPut(outcome: PutOutcome): outcome is PutTask {
  return outcome.kind === 'put';
}

/** Leases as many tasks as `tasks` ask for, each from the head of its lane, and hands them out in order. */
async function leaseFor(tx: Tx, tasks: readonly NewTask[], outcomes: readonly PutTask[]): Promise<void> {
  const requests = new Map<string, LeaseRequest & { outcomes: PutTask[] }>();
  for (const [index, { laneSeq, lease }] of tasks.entries()) {
    if (lease === null) continue;
    const key = `${laneSeq} ${lease.ownerSeq} ${lease.isUntyped}`;
    let request = requests.get(key);
    if (!request) requests.set(key, (request = { laneSeq, want: 0, ...lease, outcomes: [] }));
    request.want += 1;
    request.outcomes.push(outcomes[index]!);
  }
  if (requests.size === 0) return;
  const slices = await leaseSlices(tx, [...requests.values()]);
  const leasedIds = new Set(slices.flatMap((slice) => slice.map(({ id }) => id)));
  for (const [index, request] of [...requests.values()].entries()) {
    for (const [place, outcome] of request.outcomes.entries()) outcome.leased = slices[index]![place] ?? null;
  }
  for (const outcome of outcomes) if (leasedIds.has(outcome.id)) outcome.isReady = false;
}

function replayOf(known: { requestHash: string; subjectId: string }, claim: IdempotencyClaim): PutOutcome {
  if (known.requestHash === claim.requestHash) return { kind: 'replay', id: known.subjectId };
  return { kind: 'refused', error: keyReused(claim.key).toPlain() };
}

function isReadyAt({ availableAt }: Pick<NewTask, 'availableAt'>, now: number): boolean {
  return availableAt === null || availableAt <= now;
}

/** Decides task by task, in their order; what it let in counts for the next ones. */
class Intake {
  private readonly lanes = new Map<number, { queueSeq: number; queueName: string; maxDepth: number | null } | null>();
  private readonly depths = new Map<number, number>();
  /** Tasks that were let in with a key, and are stored when all are. */
  private readonly keyed = new Set<string>();

  constructor(private readonly tx: Tx) {}

  async admitAll(tasks: readonly NewTask[]): Promise<PutOutcome[]> {
    const outcomes: PutOutcome[] = [];
    for (const task of tasks) outcomes.push(await this.admit(task));
    return outcomes;
  }

  /** As `admitAll`, but for those that an earlier call with this key has stored. */
  async admitOnce(tasks: readonly NewTask[], claim: BulkClaim): Promise<PutOutcome[]> {
    const bulk = await BulkKey.of(this.tx, tasks[0]!.tenantSeq, claim);
    if (bulk instanceof MillraceError) return tasks.map(() => ({ kind: 'refused', error: bulk.toPlain() }));
    const outcomes: PutOutcome[] = [];
    for (const [index, task] of tasks.entries()) {
      const id = bulk.madeBefore(index);
      outcomes.push(id === null ? await this.admit(task) : { kind: 'replay', id });
    }
    await bulk.remember(outcomes.map((outcome) => (outcome.kind === 'refused' ? null : outcome.id)));
    return outcomes;
  }

  private async admit(task: NewTask): Promise<PutOutcome> {
    const known = await this.knownBy(task);
    const isForgotten = known !== null && known.isThere === 0 && !this.keyed.has(known.subjectId);
    if (known && !isForgotten) return replayOf(known, task.idempotency!);
    const refusal = await this.refusalOf(task);
    if (refusal) return { kind: 'refused', error: refusal };
    await this.remember(task, known?.subjectId ?? null);
    const { now } = this.tx;
    return { kind: 'put', id: task.id, enqueuedAt: now, isReady: isReadyAt(task, now), leased: null };
  }

  private async knownBy({ tenantSeq, idempotency }: NewTask) {
    if (idempotency === null) return null;
    const { key } = idempotency;
    const [known] = await this.tx.all(FIND_KEY, { tenantSeq, scope: TASK_KEY_SCOPE, key, now: this.tx.now });
    return known ?? null;
  }

  private async refusalOf({ laneSeq }: NewTask): Promise<PlainError | null> {
    const lane = await this.laneOf(laneSeq);
    if (!lane) return new MillraceError('queue_not_found', 'The queue was deleted meanwhile.').toPlain();
    const { queueSeq, queueName, maxDepth } = lane;
    if (maxDepth === null) return null;
    const depth = await this.depthOf(queueSeq);
    if (depth < maxDepth) {
      this.depths.set(queueSeq, depth + 1);
      return null;
    }
    const text = `The queue '${queueName}' is full: ${counted(depth, 'task waits', 'tasks wait')} in it, and it takes ${maxDepth}. Try again later.`;
    return new MillraceError('queue_full', text, { retryAfterMs: FULL_RETRY_MS }).toPlain();
  }

  private async remember({ id, tenantSeq, idempotency }: NewTask, forgottenId: string | null): Promise<void> {
    if (idempotency === null) return;
    this.keyed.add(id);
    const { key, requestHash } = idempotency;
    const expiresAt = this.tx.now + IDEMPOTENCY_TTL_MS;
    await this.tx.run(REMEMBER_KEY, {
      tenantSeq,
      scope: TASK_KEY_SCOPE,
      key,
      requestHash,
      subjectId: id,
      forgottenId,
      now: this.tx.now,
      expiresAt,
    });
  }

  private async laneOf(laneSeq: number) {
    let lane = this.lanes.get(laneSeq);
    if (lane === undefined) {
      [lane = null] = await this.tx.all(INTAKE, { laneSeq });
      this.lanes.set(laneSeq, lane);
    }
    return lane;
  }

  private async depthOf(queueSeq: number): Promise<number> {
    return this.depths.get(queueSeq) ?? (await this.tx.all(DEPTH, { queueSeq }))[0]!.depth;
  }
}
