/**
 * The Idempotency-Key of a put of many. What its first call stored is told again to each later one, and what it could not
 * store is tried anew, as with a key of a single put: a refused task leaves no trace.
 */
import type { MillraceError } from '../../kernel/errors.js';
import { IdempotencyKeyRow } from '../entities/idempotency-key.entity.js';
import type { Tx } from '../procedure.js';
import { FIND_KEY, IDEMPOTENCY_TTL_MS, keyReused, REMEMBER_KEY, type IdempotencyClaim } from './idempotency.js';

/** A key that many tasks of one tenant share. */
export interface BulkClaim extends IdempotencyClaim {
  /** Where each task of the call stands in what was asked for: some may be missing, because they are refused in any case. */
  places: number[];
}

const SCOPE = 'tasks/bulk';

/** One call under its key. */
export class BulkKey {
  private constructor(
    private readonly tx: Tx,
    private readonly tenantSeq: number,
    private readonly claim: BulkClaim,
    /** Ids by place; null where nothing was stored. Null: the key is new. */
    private readonly known: (string | null)[] | null,
  ) {}

  /** Or a refusal of the whole call, with `idempotency_key_reused`. */
  static async of(tx: Tx, tenantSeq: number, claim: BulkClaim): Promise<BulkKey | MillraceError> {
    const { key } = claim;
    const [row] = await tx.all(FIND_KEY, { tenantSeq, scope: SCOPE, key, now: tx.now });
    if (!row) return new BulkKey(tx, tenantSeq, claim, null);
    if (row.requestHash !== claim.requestHash) return keyReused(key);
    return new BulkKey(tx, tenantSeq, claim, JSON.parse(row.subjectId) as (string | null)[]);
  }

  /** What an earlier call stored for the task at this index of the call; null when nothing. */
  madeBefore(index: number): string | null {
    return this.known?.[this.claim.places[index]!] ?? null;
  }

  /** `ids`: of all tasks of the call that are stored by now, null for the others. */
  async remember(ids: readonly (string | null)[]): Promise<void> {
    if (ids.every((id, index) => id === this.madeBefore(index))) return;
    const { tenantSeq } = this;
    const { key, requestHash, places } = this.claim;
    const byPlace = [...(this.known ?? [])];
    for (const [index, id] of ids.entries()) byPlace[places[index]!] = id;
    const subjectId = JSON.stringify(Array.from(byPlace, (id) => id ?? null));
    if (this.known !== null) {
      await this.tx.manager.update(IdempotencyKeyRow, { tenantSeq, scope: SCOPE, key }, { subjectId });
      return;
    }
    const { now } = this.tx;
    const expiresAt = now + IDEMPOTENCY_TTL_MS;
    const forgottenId = null;
    const row = { tenantSeq, scope: SCOPE, key, requestHash, subjectId, forgottenId, now, expiresAt };
    await this.tx.run(REMEMBER_KEY, row);
  }
}
