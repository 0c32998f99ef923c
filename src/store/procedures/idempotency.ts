import { MillraceError } from '../../kernel/errors.js';
import { IdempotencyKeyRow } from '../entities/idempotency-key.entity.js';
import type { Tx } from '../procedure.js';
import { statement } from '../statement.js';

/** An `Idempotency-Key` header and a hash of the request it came with. */
export interface IdempotencyClaim {
  key: string;
  requestHash: string;
}

type KeyParams = { tenantSeq: number; scope: string; key: string; now: number };

export const FIND_KEY = statement<
  KeyParams,
  {
    requestHash: string;
    subjectId: string;
    /** Whether there is a task of that id: 1 or 0. */
    isThere: number;
  }
>('idempotency-find');
export const REMEMBER_KEY = statement<
  KeyParams & {
    requestHash: string;
    subjectId: string;
    /** The task that the key stood for so far, if it is forgotten. */
    forgottenId: string | null;
    expiresAt: number;
  }
>('idempotency-remember');

/** How long a key is remembered; that of a single task no longer than the task. */
export const IDEMPOTENCY_TTL_MS = 24 * 3_600_000;

/**
 * Remembers that a key made `subjectId`, in the transaction that makes it. Returns the id that the same key made before, or
 * null if it is new. The same key with another request is refused.
 */
export async function rememberKey(
  tx: Tx,
  tenantSeq: number,
  scope: string,
  claim: IdempotencyClaim | null,
  subjectId: string,
): Promise<string | null> {
  if (!claim) return null;
  const primaryKey = { tenantSeq, scope, key: claim.key };
  const known = await tx.manager.findOneBy(IdempotencyKeyRow, primaryKey);
  if (known && known.expiresAt > tx.now) {
    if (known.requestHash === claim.requestHash) return known.subjectId;
    throw keyReused(claim.key);
  }
  if (known) await tx.manager.delete(IdempotencyKeyRow, primaryKey);
  await tx.manager.insert(IdempotencyKeyRow, {
    ...primaryKey,
    requestHash: claim.requestHash,
    subjectId,
    expiresAt: tx.now + IDEMPOTENCY_TTL_MS,
  });
  return null;
}

export function keyReused(key: string): MillraceError {
  const text = `The Idempotency-Key '${key}' was used with another request. Use a new key for a new request.`;
  return new MillraceError('idempotency_key_reused', text);
}
