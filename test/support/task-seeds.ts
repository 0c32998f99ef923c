/** Single tasks and workers' acts for the contracts of the store, with defaults for what a test is not about. */
import { newId } from '../../src/kernel/ids.js';
import { TASK_STATES, type TaskState } from '../../src/kernel/task-state.js';
import { QueueRow } from '../../src/store/entities/queue.entity.js';
import { TaskRow } from '../../src/store/entities/task.entity.js';
import type {
  Completion,
  Failure,
  HolderClaim,
  NewTask,
  PutOutcome,
  TakenLease,
  TakeRequest,
} from '../../src/store/procedures/single-shapes.js';
import type { TestStore } from './store-factory.js';
import type { SeededLane } from './store-seeds.js';

export const TTL_MS = 24 * 3_600_000;
export const MAX_TRIES = 5;

export function newTask(lane: SeededLane, over: Partial<NewTask> = {}): NewTask {
  return {
    id: newId('task'),
    tenantSeq: lane.tenantSeq,
    queueSeq: lane.queueSeq,
    laneSeq: lane.laneSeq,
    mode: 'callback',
    type: null,
    endpoint: '/v1/chat/completions',
    keyId: 'key_1',
    body: '{"model":"m"}',
    blobKey: null,
    availableAt: null,
    ttlMs: TTL_MS,
    traceId: null,
    callbackUrl: null,
    idempotency: null,
    lease: null,
    ...over,
  };
}

/** Puts one task and returns its id. */
export async function put(store: TestStore, lane: SeededLane, over: Partial<NewTask> = {}): Promise<string> {
  const [outcome] = await store.singles.put([newTask(lane, over)]);
  if (outcome!.kind !== 'put') throw new Error(`not put: ${JSON.stringify(outcome)}`);
  return outcome!.id;
}

/** Puts tasks one by one, so that each has a millisecond of its own. */
export async function putApart(store: TestStore, lanes: readonly SeededLane[]): Promise<string[]> {
  const ids: string[] = [];
  for (const lane of lanes) {
    ids.push(await put(store, lane));
    store.clock.advance(1);
  }
  return ids;
}

export function refusalOf(outcome: PutOutcome | undefined): string | null {
  return outcome?.kind === 'refused' ? outcome.error.code : null;
}

export function takeRequest(lanes: readonly SeededLane[], over: Partial<TakeRequest> = {}): TakeRequest {
  return {
    laneSeqs: lanes.map(({ laneSeq }) => laneSeq),
    strategy: 'fifo',
    size: 10,
    minAgeMs: 0,
    leaseMs: null,
    leaseEnd: 'complete_408',
    leaseRetries: 0,
    worker: null,
    allowances: [],
    ...over,
  };
}

/** What a take gives, each with the task's id. */
export async function take(
  store: TestStore,
  lanes: readonly SeededLane[],
  over: Partial<TakeRequest> = {},
): Promise<(TakenLease & { id: string })[]> {
  return withIds(store, await store.pull.take(takeRequest(lanes, over)));
}

async function withIds(store: TestStore, leases: readonly TakenLease[]): Promise<(TakenLease & { id: string })[]> {
  const tasks = await store.singles.bySeqs(
    leases.map(({ seq }) => seq),
    null,
    false,
  );
  const ids = new Map(tasks.map(({ seq, id }) => [seq, id]));
  return leases.map((lease) => ({ ...lease, id: ids.get(lease.seq) ?? '' }));
}

export const idsOf = (tasks: readonly { id: string }[]): string[] => tasks.map(({ id }) => id);

/** The claim of somebody who holds, or held, this lease in a queue of the lane's tenant. */
export function claimOf({ id, epoch }: { id: string; epoch: number | null }, { tenantSeq }: SeededLane): HolderClaim {
  return { key: { id }, epoch, tenantSeq };
}

export function completionOf(
  task: { id: string; epoch: number | null },
  lane: SeededLane,
  over: Partial<Completion> = {},
): Completion {
  return {
    ...claimOf(task, lane),
    statusCode: 200,
    requestId: 'req_1',
    body: '{"answer":1}',
    blobKey: null,
    usage: null,
    ...over,
  };
}

export function failureOf(
  task: { id: string; epoch: number | null },
  lane: SeededLane,
  over: Partial<Failure> = {},
): Failure {
  return {
    ...claimOf(task, lane),
    code: 'worker_error',
    message: 'It broke.',
    retryAfterMs: null,
    isFinal: false,
    defaultMaxTries: MAX_TRIES,
    ...over,
  };
}

export function rowOf(store: TestStore, id: string): Promise<TaskRow> {
  return store.reader.findOneByOrFail(TaskRow, { id });
}

export async function stateOf(store: TestStore, id: string): Promise<TaskState> {
  return TASK_STATES[(await rowOf(store, id)).state]!;
}

export async function setQueue(store: TestStore, { queueSeq }: SeededLane, limits: Partial<QueueRow>): Promise<void> {
  await store.byHand.update(QueueRow, { seq: queueSeq }, limits);
}
