/** Rows that a test needs before it can begin, made the way the server makes them. */
import { newId } from '../../src/kernel/ids.js';
import type { StoredBatch } from '../../src/store/batch.store.js';
import { LaneRow } from '../../src/store/entities/lane.entity.js';
import { QueueRow } from '../../src/store/entities/queue.entity.js';
import { TaskRow } from '../../src/store/entities/task.entity.js';
import type { StoredFile } from '../../src/store/file.store.js';
import type { NewBatch, NewLine } from '../../src/store/procedures/batch-shapes.js';
import type { NewFile } from '../../src/store/procedures/file.procedures.js';
import type { FinishedTask, LeasedTask, ReturnedTask } from '../../src/store/procedures/task-shapes.js';
import type { TestStore } from './store-factory.js';

export const WINDOW_MS = 24 * 3_600_000;
/** The instance that leases unless a test says otherwise. */
export const OWNER_SEQ = 1;
/** A line's body stands at this many bytes times its number, so that a lease tells which line it is of. */
const LINE_BYTES = 100;

export interface SeededLane {
  tenantSeq: number;
  queueSeq: number;
  laneSeq: number;
}

export async function seedTenant(store: TestStore): Promise<number> {
  const id = newId('tenant');
  return (await store.access.ensureTenant(id, id)).seq;
}

/** A lane of its own queue and tenant, or of the queue of another lane. */
export async function seedLane(store: TestStore, level = 1, sameQueueAs?: SeededLane): Promise<SeededLane> {
  const tenantSeq = sameQueueAs?.tenantSeq ?? (await seedTenant(store));
  const queueSeq = sameQueueAs?.queueSeq ?? (await seedQueue(store, tenantSeq));
  return { tenantSeq, queueSeq, laneSeq: await store.queues.ensureLane(queueSeq, level) };
}

export async function seedQueue(store: TestStore, tenantSeq: number): Promise<number> {
  const id = newId('queue');
  const queue = await store.queues.putQueue({
    id,
    tenantSeq,
    name: id,
    visibility: 'private',
    endpoint: null,
    models: '[]',
    consumers: '[]',
    upstreamSeq: null,
  });
  return queue.seq;
}

export function newFile(tenantSeq: number, over: Partial<NewFile> = {}): NewFile {
  return {
    id: newId('file'),
    tenantSeq,
    purpose: 'batch',
    filename: 'lines.jsonl',
    blobKey: newId('blob'),
    bytes: 1_000,
    sha256: 'ab'.repeat(32),
    ttlMs: null,
    ...over,
  };
}

export function seedFile(store: TestStore, tenantSeq: number, over: Partial<NewFile> = {}): Promise<StoredFile> {
  return store.files.create(newFile(tenantSeq, over));
}

export function newBatch(file: Pick<StoredFile, 'tenantSeq' | 'id'>, over: Partial<NewBatch> = {}): NewBatch {
  return {
    id: newId('batch'),
    tenantSeq: file.tenantSeq,
    queueSeq: null,
    level: 1,
    endpoint: '/v1/chat/completions',
    completionWindow: '24h',
    windowMs: WINDOW_MS,
    inputFileId: file.id,
    metadata: null,
    outputTtlMs: null,
    idempotency: null,
    ...over,
  };
}

/** Lines `from + 1` to `from + count` of a batch in this lane. */
export function newLines({ queueSeq, laneSeq }: SeededLane, from: number, count: number): NewLine[] {
  return Array.from({ length: count }, (_, index) => ({
    queueSeq,
    laneSeq,
    customId: `custom-${from + index + 1}`,
    bodyOffset: (from + index + 1) * LINE_BYTES,
    bodyLength: LINE_BYTES - 1,
  }));
}

/** A batch of `total` lines in one lane, all of them in; one that is still validating when there are none. */
export async function seedBatch(
  store: TestStore,
  lane: SeededLane,
  total: number,
  over: Partial<NewBatch> = {},
): Promise<StoredBatch> {
  const file = await seedFile(store, lane.tenantSeq);
  const { batch } = await store.batches.create(newBatch(file, over));
  for (let from = 0; from < total; from += 500) await insertLines(store, batch, lane, from, total);
  return store.batches.bySeq(batch.seq);
}

/** Reads the next lines in, at most 500; see `BatchStore.insertLines`. */
export function insertLines(
  store: TestStore,
  batch: Pick<StoredBatch, 'seq' | 'tenantSeq'>,
  lane: SeededLane,
  from: number,
  total: number,
  count = Math.min(500, total - from),
): Promise<boolean> {
  const lines = newLines(lane, from, count);
  return store.batches.insertLines({ batchSeq: batch.seq, tenantSeq: batch.tenantSeq, from, total, model: 'm', lines });
}

export function lease(
  store: TestStore,
  { laneSeq }: SeededLane,
  want: number,
  ownerSeq = OWNER_SEQ,
): Promise<LeasedTask[]> {
  return store.tasks.lease({ laneSeq, want, ownerSeq, isUntyped: false }, false);
}

/** A good answer to a leased task. */
export function answerTo(task: LeasedTask, { laneSeq }: SeededLane, over: Partial<FinishedTask> = {}): FinishedTask {
  return {
    seq: task.seq,
    epoch: task.epoch,
    laneSeq,
    batchSeq: task.batchSeq,
    state: 'completed',
    isTry: true,
    statusCode: 200,
    requestId: `req_${task.seq}`,
    body: `{"answer":${task.seq}}`,
    blobKey: null,
    errorCode: null,
    errorMessage: null,
    usage: null,
    hasCallback: true,
    lastWords: null,
    ...over,
  };
}

/** A leased task on its way back into its place, untouched. */
export function returnOf(task: LeasedTask, { laneSeq }: SeededLane, over: Partial<ReturnedTask> = {}): ReturnedTask {
  return {
    seq: task.seq,
    epoch: task.epoch,
    laneSeq,
    availableAt: null,
    isTry: false,
    isLoss: false,
    attempt: null,
    ...over,
  };
}

/** The line numbers of leased lines. */
export function linesOf(tasks: readonly LeasedTask[]): number[] {
  return tasks.map((task) => task.bodyOffset! / LINE_BYTES);
}

export function taskRow(store: TestStore, { seq }: { seq: number }): Promise<TaskRow> {
  return store.reader.findOneByOrFail(TaskRow, { seq });
}

export function laneRow(store: TestStore, { laneSeq }: SeededLane): Promise<LaneRow> {
  return store.reader.findOneByOrFail(LaneRow, { seq: laneSeq });
}

export async function setPaused(store: TestStore, { queueSeq }: SeededLane, isPaused: boolean): Promise<void> {
  await store.byHand.update(QueueRow, { seq: queueSeq }, { pausedAt: isPaused ? store.clock.now() : null });
}

/** 1 to `last`, or `first` to `last`. */
export function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}
