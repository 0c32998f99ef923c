/** What a tenant may have at most, checked in the transaction that would give it more. */
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

/** Refuses a further file with `quota_exceeded`. */
export async function checkFileQuota(tx: Tx, tenantSeq: number, bytes: number): Promise<void> {
  const tenant = await tx.manager.findOneBy(TenantRow, { seq: tenantSeq });
  if (!tenant || (tenant.maxFiles === null && tenant.maxBytes === null)) return;
  const [used] = await tx.all(FILE_USAGE, { tenantSeq, now: tx.now });
  const refusal =
    refusalOf({ tenant: tenant.name, what: 'files', max: tenant.maxFiles, used: used!.files, more: 1 }) ??
    refusalOf({ tenant: tenant.name, what: 'bytes of files', max: tenant.maxBytes, used: used!.bytes, more: bytes });
  if (refusal !== null) throw new MillraceError('quota_exceeded', `${refusal} Delete files that are not needed.`);
}

/**
 * Whether a batch that is about to get its first lines would have more queued than its tenant may. Such a batch is failed on
 * the spot. What is read of a file does not change, so to try the same batch again later takes a new batch.
 */
export async function failsForLineQuota(tx: Tx, { tenantSeq, batchSeq, total }: NewLines): Promise<boolean> {
  const [quota] = await tx.all(LINE_QUOTA, { tenantSeq });
  const refusal = quota ? refusalOf({ ...quota, what: 'queued lines', more: total }) : null;
  if (refusal === null) return false;
  const message = `${refusal} Wait for other batches to end, or split the file.`;
  const errors = { object: 'list', data: [{ code: 'quota_exceeded', message, param: null, line: null }] };
  await tx.manager.update(
    BatchRow,
    { seq: batchSeq, state: 'validating' },
    { state: 'failed', failedAt: tx.now, errors: JSON.stringify(errors) },
  );
  return true;
}

interface Demand {
  tenant: string;
  what: string;
  max: number | null;
  used: number;
  more: number;
}

function refusalOf({ tenant, what, max, used, more }: Demand): string | null {
  if (max === null || used + more <= max) return null;
  const left = Math.max(0, max - used);
  return (
    `You exceeded your current quota: the tenant '${tenant}' may have ${max} ${what}; ${used} are used, ${left} are left, ` +
    `and this needs ${more}.`
  );
}
