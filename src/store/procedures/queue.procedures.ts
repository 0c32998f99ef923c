/** Queues and their lanes. */
import { In } from 'typeorm';
import { counted } from '../../kernel/counted.js';
import { MillraceError } from '../../kernel/errors.js';
import { DeletedLaneRow } from '../entities/deleted-lane.entity.js';
import { LaneRow } from '../entities/lane.entity.js';
import { QueueRow } from '../entities/queue.entity.js';
import { UpstreamRow } from '../entities/upstream.entity.js';
import { procedureOfOne, type Tx } from '../procedure.js';
import { statement } from '../statement.js';
import { noteAct, type By } from './audit.js';

export type NewQueue = Pick<
  QueueRow,
  'id' | 'tenantSeq' | 'name' | 'visibility' | 'endpoint' | 'models' | 'consumers' | 'upstreamSeq'
>;

/** Makes a queue, or brings the one of that name up to date. */
export const putQueue = procedureOfOne('queue-put', async (tx, { id, ...columns }: NewQueue) => {
  const { tenantSeq, name } = columns;
  const known = await tx.manager.findOneBy(QueueRow, { tenantSeq, name });
  if (known) await tx.manager.update(QueueRow, { seq: known.seq }, { ...columns, updatedAt: tx.now });
  else await insertQueue(tx, { id, ...columns });
  return tx.manager.findOneByOrFail(QueueRow, { tenantSeq, name });
});

/** What may change; what is left out stays. */
export type QueueChanges = Partial<
  Pick<QueueRow, 'visibility' | 'endpoint' | 'models' | 'consumers' | 'upstreamSeq'> & QueueRules
>;

/** Null: no limit, or as the server's configuration says. */
export type QueueRules = Pick<
  QueueRow,
  'maxConcurrency' | 'perMinute' | 'maxDepth' | 'retryPolicy' | 'completionRule' | 'resultTtlMs' | 'eventbus'
>;

/** Refuses with `conflict` when the name is taken. */
export const createQueue = procedureOfOne(
  'queue-create',
  async (tx, { by, ...columns }: NewQueue & Partial<QueueRules> & By) => {
    const { id, tenantSeq, ...detail } = columns;
    await checkName(tx, columns);
    await checkUpstream(tx, columns.upstreamSeq);
    await insertQueue(tx, columns);
    await noteAct(tx, { by, action: 'queue.create', tenantSeq, subject: id, detail: await toDetail(tx, detail) });
    return tx.manager.findOneByOrFail(QueueRow, { id });
  },
);

export const updateQueue = procedureOfOne(
  'queue-update',
  async (tx, { seq, changes, by }: { seq: number; changes: QueueChanges } & By) => {
    const row = await queueOf(tx, seq);
    const { id, tenantSeq, name } = row;
    if (changes.visibility !== undefined && changes.visibility !== row.visibility) {
      await checkName(tx, { id, tenantSeq, name, visibility: changes.visibility });
    }
    await checkUpstream(tx, changes.upstreamSeq ?? null);
    await tx.manager.update(QueueRow, { seq }, { ...changes, updatedAt: tx.now });
    const detail = await toDetail(tx, { name, ...changes });
    await noteAct(tx, { by, action: 'queue.update', tenantSeq, subject: id, detail });
    return tx.manager.findOneByOrFail(QueueRow, { seq });
  },
);

/** A paused queue hands out no tasks; what runs goes on. Nothing happens when it is as it should be already. */
export const setQueuePaused = procedureOfOne(
  'queue-pause',
  async (tx, { seq, isPaused, by }: { seq: number; isPaused: boolean } & By) => {
    const row = await queueOf(tx, seq);
    if ((row.pausedAt !== null) === isPaused) return row;
    await tx.manager.update(QueueRow, { seq }, { pausedAt: isPaused ? tx.now : null, updatedAt: tx.now });
    const { tenantSeq, id: subject, name } = row;
    await noteAct(tx, { by, action: `queue.${isPaused ? 'pause' : 'resume'}`, tenantSeq, subject, detail: { name } });
    return tx.manager.findOneByOrFail(QueueRow, { seq });
  },
);

type Live = { tasks: number; deadLetters: number; batches: number; lastBatchSeq: number };

const LIVE = statement<{ queueSeq: number }, Live>('queue-live');

/**
 * Refuses with `conflict` unless the queue is empty of tasks and of dead letters, which nobody could find without it, and
 * while batches are being read in that may bring it tasks. What has ended in it keeps its name and level.
 */
export const deleteQueue = procedureOfOne(
  'queue-delete',
  async (tx, { seq, by }: { seq: number } & By) => {
    const row = await queueOf(tx, seq);
    const { tenantSeq, id, name } = row;
    const [live] = await tx.all(LIVE, { queueSeq: seq });
    if (live!.tasks > 0) {
      const text = `The queue '${name}' still holds ${counted(live!.tasks, 'task')}. Only an empty queue can be deleted.`;
      throw new MillraceError('conflict', text);
    }
    if (live!.deadLetters > 0) {
      const text = `The queue '${name}' still holds ${counted(live!.deadLetters, 'dead letter')}.`;
      const waysOut = 'Send them back (POST /v1/queue/dead/redrive) or delete them (POST /v1/queue/dead/drop) first.';
      throw new MillraceError('conflict', `${text} ${waysOut}`);
    }
    if (live!.batches > 0) {
      const text = `${counted(live!.batches, 'batch', 'batches')} being read in may bring tasks to the queue '${name}'.`;
      throw new MillraceError('conflict', `${text} Try again in a moment.`);
    }
    await leaveNames(tx, row, live!.lastBatchSeq);
    await tx.manager.delete(LaneRow, { queueSeq: seq });
    await tx.manager.delete(QueueRow, { seq });
    await noteAct(tx, { by, action: 'queue.delete', tenantSeq, subject: id, detail: { name } });
  },
  {
    lanesOf: async (tx, items) => {
      const lanes = await tx.manager.findBy(LaneRow, { queueSeq: In(items.map(({ seq }) => seq)) });
      return lanes.map(({ seq }) => seq);
    },
  },
);

/** The lane of a queue at a level, made when it is first used. */
export const ensureLane = procedureOfOne(
  'lane-ensure',
  async (tx, { queueSeq, level }: { queueSeq: number; level: number }) => {
    const known = await tx.manager.findOneBy(LaneRow, { queueSeq, level });
    if (known) return known.seq;
    await tx.manager.insert(LaneRow, { queueSeq, level });
    const { seq } = await tx.manager.findOneByOrFail(LaneRow, { queueSeq, level });
    return seq;
  },
);

async function insertQueue(tx: Tx, columns: NewQueue & Partial<QueueRules>): Promise<void> {
  await tx.manager.insert(QueueRow, {
    completionRule: 'first',
    eventbus: 0,
    ...columns,
    createdAt: tx.now,
    updatedAt: tx.now,
  });
}

async function leaveNames(tx: Tx, queue: QueueRow, lastBatchSeq: number): Promise<void> {
  const lanes = await tx.manager.findBy(LaneRow, { queueSeq: queue.seq });
  if (lanes.length === 0) return;
  const { seq: queueSeq, tenantSeq, name: queueName, visibility, resultTtlMs } = queue;
  const shared = { queueSeq, tenantSeq, queueName, visibility, resultTtlMs, lastBatchSeq };
  await tx.manager.insert(
    DeletedLaneRow,
    lanes.map(({ seq, level }) => ({ seq, level, ...shared })),
  );
}

async function queueOf(tx: Tx, seq: number): Promise<QueueRow> {
  const row = await tx.manager.findOneBy(QueueRow, { seq });
  if (row) return row;
  throw new MillraceError('not_found', 'The queue was deleted meanwhile.');
}

/** A tenant's queues differ in name, and none is named like a shared one: else nobody could say which is meant. */
async function checkName(
  tx: Tx,
  { tenantSeq, name, visibility, id }: Pick<QueueRow, 'tenantSeq' | 'name' | 'visibility' | 'id'>,
): Promise<void> {
  const namesakes = (await tx.manager.findBy(QueueRow, { name })).filter((row) => row.id !== id);
  const rival = namesakes.find(
    (row) => row.tenantSeq === tenantSeq || row.visibility === 'shared' || visibility === 'shared',
  );
  if (!rival) return;
  const kind = rival.tenantSeq === tenantSeq ? 'a' : rival.visibility === 'shared' ? 'a shared' : "another tenant's";
  throw new MillraceError('conflict', `There is ${kind} queue named '${name}' already.`, { param: 'name' });
}

async function checkUpstream(tx: Tx, seq: number | null): Promise<void> {
  if (seq === null || (await tx.manager.existsBy(UpstreamRow, { seq }))) return;
  throw new MillraceError('conflict', 'The upstream was deleted meanwhile.', { param: 'upstream' });
}

/** For the audit log: an upstream by its name, lists as lists, and a choice as one. */
async function toDetail(tx: Tx, columns: QueueChanges & { name: string }): Promise<Record<string, unknown>> {
  const { upstreamSeq, models, consumers, retryPolicy, eventbus, ...rest } = columns;
  const upstream = upstreamSeq ? await tx.manager.findOneBy(UpstreamRow, { seq: upstreamSeq }) : null;
  return {
    ...rest,
    ...(models === undefined ? {} : { models: JSON.parse(models) as unknown }),
    ...(consumers === undefined ? {} : { consumers: JSON.parse(consumers) as unknown }),
    ...(upstreamSeq === undefined ? {} : { upstream: upstream?.name ?? null }),
    ...(eventbus === undefined ? {} : { eventbus: eventbus === 1 }),
    ...(retryPolicy === undefined ? {} : { retryPolicy: JSON.parse(retryPolicy ?? 'null') as unknown }),
  };
}
