/** Queues, their lanes, and the upstreams that work them off. */
import { LaneRow } from '../entities/lane.entity.js';
import { QueueRow } from '../entities/queue.entity.js';
import { UpstreamRow } from '../entities/upstream.entity.js';
import { procedureOfOne } from '../procedure.js';

export type NewUpstream = Pick<
  UpstreamRow,
  'id' | 'tenantSeq' | 'name' | 'baseUrl' | 'sealedKey' | 'keyLast4' | 'concurrency' | 'perMinute' | 'source'
>;

/** Makes an upstream, or brings the one of that name up to date. */
export const putUpstream = procedureOfOne('upstream-put', async (tx, { id, ...columns }: NewUpstream) => {
  const { tenantSeq, name } = columns;
  const known = await tx.manager.findOneBy(UpstreamRow, { tenantSeq, name });
  if (known) await tx.manager.update(UpstreamRow, { seq: known.seq }, { ...columns, updatedAt: tx.now });
  else await tx.manager.insert(UpstreamRow, { ...columns, id, createdAt: tx.now, updatedAt: tx.now });
  return tx.manager.findOneByOrFail(UpstreamRow, { tenantSeq, name });
});

export type NewQueue = Pick<
  QueueRow,
  'id' | 'tenantSeq' | 'name' | 'visibility' | 'endpoint' | 'models' | 'consumers' | 'upstreamSeq'
>;

/** Makes a queue, or brings the one of that name up to date. */
export const putQueue = procedureOfOne('queue-put', async (tx, { id, ...columns }: NewQueue) => {
  const { tenantSeq, name } = columns;
  const known = await tx.manager.findOneBy(QueueRow, { tenantSeq, name });
  if (known) await tx.manager.update(QueueRow, { seq: known.seq }, { ...columns, updatedAt: tx.now });
  else {
    await tx.manager.insert(QueueRow, {
      ...columns,
      id,
      completionRule: 'first',
      createdAt: tx.now,
      updatedAt: tx.now,
    });
  }
  return tx.manager.findOneByOrFail(QueueRow, { tenantSeq, name });
});

/** The lane of a queue at a level, made when it is first used. */
export const ensureLane = procedureOfOne(
  'lane-ensure',
  async (tx, { queueSeq, level }: { queueSeq: number; level: number }) => {
    const known = await tx.manager.findOneBy(LaneRow, { queueSeq, level });
    if (known) return known.seq;
    const row = tx.manager.create(LaneRow, { queueSeq, level });
    await tx.manager.insert(LaneRow, row);
    return row.seq;
  },
);
