/** What a tenant may have at most, checked in the transaction that would give it more. */
import { counted } from '../../kernel/counted.js';
import { MillraceError } from '../../kernel/errors.js';
import { BatchRow } from '../entities/batch.entity.js';
import { TenantRow } from '../entities/tenant.entity.js';
import type { Tx } from '../procedure.js';
import { statement } from '../statement.js';
import type { NewLines } from './batch-shapes.js';

/** What a tenant has of what its quotas limit. */
export interface FileUsage {
  /** Files that can be seen, those that batches have written included. */
  files: number;
  bytes: number;
}

export const FILE_USAGE = statement<{ tenantSeq: number; now: number }, FileUsage>('file-usage');
/** Lines of running batches that have not ended. */
export const LINE_USAGE = statement<{ tenantSeq: number }, { lines: number }>('line-usage');
const LINE_QUOTA = statement<{ tenantSeq: number }, { tenant: string; max: number; used: number }>('line-quota');

/** What a tenant's quotas leave of files. */
export interface FileQuota {
  tenant: Pick<TenantRow, 'name' | 'maxFiles' | 'maxBytes'>;
  used: FileUsage;
}

/** Refuses a further file with `quota_exceeded`. `bytes`: null when so many have come that there can be no room for it. */
export function checkFileRoom(
  { tenant: { name: tenant, maxFiles, maxBytes }, used }: FileQuota,
  bytes: number | null,
): void {
  const refusal =
    refusalOf({ tenant, what: ['file', 'files'], max: maxFiles, used: used.files, more: 1 }) ??
    refusalOf({ tenant, what: ['byte of files', 'bytes of files'], max: maxBytes, used: used.bytes, more: bytes });
  if (refusal !== null) throw new MillraceError('quota_exceeded', `${refusal} Delete files that are not needed.`);
}

/** Bytes that a further file may have; Infinity for any number. */
export function bytesLeft({ tenant, used }: FileQuota): number {
  return tenant.maxBytes === null ? Infinity : tenant.maxBytes - used.bytes;
}

/** Refuses a further file with `quota_exceeded`. */
export async function checkFileQuota(tx: Tx, tenantSeq: number, bytes: number): Promise<void> {
  const tenant = await tx.manager.findOneBy(TenantRow, { seq: tenantSeq });
  if (!tenant || !hasFileQuota(tenant)) return;
  const [used] = await tx.all(FILE_USAGE, { tenantSeq, now: tx.now });
  checkFileRoom({ tenant, used: used! }, bytes);
}

export function hasFileQuota({ maxFiles, maxBytes }: Pick<TenantRow, 'maxFiles' | 'maxBytes'>): boolean {
  return maxFiles !== null || maxBytes !== null;
}

/**
 * Whether a batch that is about to get its first lines would have more queued than its tenant may. Such a batch is failed on
 * the spot. What is read of a file does not change, so to try the same batch again later takes a new batch.
 */
export async function failsForLineQuota(tx: Tx, { tenantSeq, batchSeq, total }: NewLines): Promise<boolean> {
  let [quota] = await tx.all(LINE_QUOTA, { tenantSeq });
  if (quota && tx.locks) {
    await tx.locks.row('tenant', tenantSeq);
    [quota] = await tx.all(LINE_QUOTA, { tenantSeq });
  }
  const refusal = quota ? refusalOf({ ...quota, what: ['queued line', 'queued lines'], more: total }) : null;
  if (refusal === null) return false;
  const message = `${refusal} Wait for other batches to end, or split the file.`;
  const errors = { object: 'list', data: [{ code: 'quota_exceeded', message, param: null, line: null }] };
  await tx.manager.update(
    BatchRow,
    { seq: batchSeq, state: 'validating' },
    { state: 'failed', failedAt: tx.now, endedAt: tx.now, errors: JSON.stringify(errors) },
  );
  return true;
}

interface Demand {
  tenant: string;
  /** One and many. */
  what: [string, string];
  max: number | null;
  used: number;
  /** Null: more than is left, but nobody knows how much. */
  more: number | null;
}

function refusalOf({ tenant, what, max, used, more }: Demand): string | null {
  if (max === null || (more !== null && used + more <= max)) return null;
  const left = Math.max(0, max - used);
  return (
    `You exceeded your current quota: the tenant '${tenant}' may have ${counted(max, ...what)}; ${areCounted(used)} used, ${areCounted(left)} left, ` +
    `and this needs ${more ?? 'more'}.`
  );
}

function areCounted(count: number): string {
  return counted(count, 'is', 'are');
}
