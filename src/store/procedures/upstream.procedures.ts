/** The model servers that dispatchers call. */
import { MillraceError } from '../../kernel/errors.js';
import { QueueRow } from '../entities/queue.entity.js';
import { UpstreamRow } from '../entities/upstream.entity.js';
import { procedureOfOne, type Tx } from '../procedure.js';
import { noteAct, type By } from './audit.js';

export type NewUpstream = Pick<
  UpstreamRow,
  'id' | 'name' | 'baseUrl' | 'sealedKey' | 'keyLast4' | 'concurrency' | 'perMinute' | 'source'
>;

/** Makes an upstream, or brings the one of that name up to date. */
export const putUpstream = procedureOfOne('upstream-put', async (tx, { id, ...columns }: NewUpstream) => {
  const { name } = columns;
  const known = await tx.manager.findOneBy(UpstreamRow, { name });
  if (known) await tx.manager.update(UpstreamRow, { seq: known.seq }, { ...columns, updatedAt: tx.now });
  else await tx.manager.insert(UpstreamRow, { ...columns, id, createdAt: tx.now, updatedAt: tx.now });
  return tx.manager.findOneByOrFail(UpstreamRow, { name });
});

/** Refuses with `conflict` when there is one of that name. */
export const createUpstream = procedureOfOne('upstream-create', async (tx, { by, ...columns }: NewUpstream & By) => {
  const { id, name, baseUrl, keyLast4, concurrency, perMinute } = columns;
  if (await tx.manager.existsBy(UpstreamRow, { name })) {
    throw new MillraceError('conflict', `There is an upstream named '${name}' already.`, { param: 'name' });
  }
  await tx.manager.insert(UpstreamRow, { ...columns, createdAt: tx.now, updatedAt: tx.now });
  const detail = { name, baseUrl, keyLast4, concurrency, perMinute };
  await noteAct(tx, { by, action: 'upstream.create', tenantSeq: null, subject: id, detail });
  return tx.manager.findOneByOrFail(UpstreamRow, { id });
});

/** What may change; what is left out stays. `sealedKey` and `keyLast4` go together. */
export type UpstreamChanges = Partial<
  Pick<UpstreamRow, 'baseUrl' | 'sealedKey' | 'keyLast4' | 'concurrency' | 'perMinute'>
>;

export const updateUpstream = procedureOfOne(
  'upstream-update',
  async (tx, { seq, changes, by }: { seq: number; changes: UpstreamChanges } & By) => {
    const { name, id } = await upstreamOf(tx, seq);
    const { sealedKey: _, ...detail } = changes;
    await tx.manager.update(UpstreamRow, { seq }, { ...changes, updatedAt: tx.now });
    await noteAct(tx, { by, action: 'upstream.update', tenantSeq: null, subject: id, detail: { name, ...detail } });
    return tx.manager.findOneByOrFail(UpstreamRow, { seq });
  },
);

/** Refuses with `conflict` as long as a queue uses it. */
export const deleteUpstream = procedureOfOne('upstream-delete', async (tx, { seq, by }: { seq: number } & By) => {
  const { name, id } = await upstreamOf(tx, seq);
  const users = await tx.manager.findBy(QueueRow, { upstreamSeq: seq });
  if (users.length > 0) {
    const queues = users.map((queue) => `'${queue.name}'`).join(', ');
    const text = `The upstream '${name}' is used by ${queues}. Give these queues another upstream, or none, first.`;
    throw new MillraceError('conflict', text);
  }
  await tx.manager.delete(UpstreamRow, { seq });
  await noteAct(tx, { by, action: 'upstream.delete', tenantSeq: null, subject: id, detail: { name } });
});

async function upstreamOf(tx: Tx, seq: number): Promise<UpstreamRow> {
  const row = await tx.manager.findOneBy(UpstreamRow, { seq });
  if (row) return row;
  throw new MillraceError('not_found', 'The upstream was deleted meanwhile.');
}
