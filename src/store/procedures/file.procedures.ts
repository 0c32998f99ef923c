/** Files and their blobs. A file is a name for a blob; deleting it hides the name at once, the blob goes later. */
import { type EntityManager, In, IsNull } from 'typeorm';
import { MillraceError } from '../../kernel/errors.js';
import { BlobRow } from '../entities/blob.entity.js';
import { FileRow } from '../entities/file.entity.js';
import { procedureOfOne, type Tx } from '../procedure.js';
import { statement } from '../statement.js';
import { noteAct } from './audit.js';
import { checkFileQuota } from './quota.js';

export interface NewFile {
  id: string;
  tenantSeq: number;
  purpose: string;
  filename: string;
  blobKey: string;
  bytes: number;
  sha256: string;
  /** Null: lives until it is deleted. */
  ttlMs: number | null;
}

export async function findVisibleFile(
  manager: EntityManager,
  tenantSeq: number,
  id: string,
  now: number,
): Promise<FileRow | null> {
  const file = await manager.findOneBy(FileRow, { id, tenantSeq, deletedAt: IsNull() });
  return file && (file.expiresAt === null || file.expiresAt > now) ? file : null;
}

/** Refuses with `quota_exceeded` when the tenant has as much as it may. */
export const createFile = procedureOfOne('file-create', async (tx, item: NewFile): Promise<FileRow> => {
  await checkFileQuota(tx, item.tenantSeq, item.bytes);
  const blobSeq = await insertBlob(tx, item);
  await tx.manager.insert(FileRow, {
    id: item.id,
    tenantSeq: item.tenantSeq,
    blobSeq,
    purpose: item.purpose,
    filename: item.filename,
    bytes: item.bytes,
    createdAt: tx.now,
    expiresAt: item.ttlMs === null ? null : tx.now + item.ttlMs,
  });
  return tx.manager.findOneByOrFail(FileRow, { id: item.id });
});

/** Notes finished bytes; returns their row. */
export async function insertBlob(
  tx: Tx,
  { blobKey: key, bytes, sha256 }: Pick<NewFile, 'blobKey' | 'bytes' | 'sha256'>,
): Promise<number> {
  await tx.manager.insert(BlobRow, { key, bytes, sha256, createdAt: tx.now });
  const { seq } = await tx.manager.findOneByOrFail(BlobRow, { key });
  return seq;
}

/** `by`: who asks; null when it is nobody to be named. */
export const deleteFile = procedureOfOne(
  'file-delete',
  async (tx, { tenantSeq, id, by }: { tenantSeq: number; id: string; by: string | null }): Promise<void> => {
    const file = await findVisibleFile(tx.manager, tenantSeq, id, tx.now);
    if (!file) throw new MillraceError('not_found', `No such File object: ${id}`, { param: 'id' });
    await tx.manager.update(FileRow, { seq: file.seq }, { deletedAt: tx.now });
    const { filename, bytes, purpose } = file;
    const detail = { filename, bytes, purpose };
    if (by !== null) await noteAct(tx, { by, action: 'file.delete', tenantSeq, subject: id, detail });
  },
);

const EXPIRE = statement<{ now: number; limit: number }>('file-expire');

/** Hides files whose time is over; returns how many. */
export const expireFiles = procedureOfOne('file-expire', async (tx, { limit }: { limit: number }) =>
  tx.run(EXPIRE, { now: tx.now, limit }),
);

const DROP_DELETED_FILES = statement<{ limit: number }, { blobSeq: number }>('file-drop-deleted');
const MARK_UNUSED = statement<{ seq: number; now: number }>('blob-mark-unused');
/** Whether `collectBlobs` would find a file to forget. */
export const DROPPABLE_FILE = statement<Record<string, never>, { seq: number }>('file-droppable');
export const UNUSED_BLOBS = statement<{ limit: number }, { seq: number; key: string }>('blob-unused');

/**
 * Forgets hidden files whose blob no live batch pins, and returns the keys of blobs that nothing refers to any more. Their
 * rows stay until `dropBlobs` says that the bytes are gone, so a crash between the two leaves no orphan.
 */
export const collectBlobs = procedureOfOne('blob-collect', async (tx, { limit }: { limit: number }) => {
  const dropped = await tx.all(DROP_DELETED_FILES, { limit });
  await tx.each(
    MARK_UNUSED,
    dropped.map(({ blobSeq }) => ({ seq: blobSeq, now: tx.now })),
  );
  return tx.all(UNUSED_BLOBS, { limit });
});

export const dropBlobs = procedureOfOne('blob-drop', async (tx, { seqs }: { seqs: number[] }): Promise<void> => {
  await tx.manager.delete(BlobRow, { seq: In(seqs) });
});
