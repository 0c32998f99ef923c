import { newId } from '../../kernel/ids.js';
import { AuditEntryRow } from '../entities/audit-entry.entity.js';
import type { Tx } from '../procedure.js';

/** What people do that the audit log keeps. */
export type AuditAction =
  | `upstream.${'create' | 'update' | 'delete'}`
  | `queue.${'create' | 'update' | 'delete' | 'pause' | 'resume' | 'clear'}`
  | `task.${'cancel' | 'redrive' | 'drop'}`
  | `key.${'create' | 'revoke' | 'rotate'}`
  | `tenant.${'create' | 'update'}`
  | `webhook_secret.${'create' | 'rotate'}`
  | 'callback.replay'
  | 'batch.cancel'
  | 'file.delete';

/** Who asks for a write: the id of an API key, or `admin` for the holder of the admin key. */
export interface By {
  by: string;
}

export interface Act extends By {
  action: AuditAction;
  /** Whose the subject is; null when it belongs to no tenant. */
  tenantSeq: number | null;
  /** The public id of what was acted upon. */
  subject: string;
  /** What is worth knowing of the act. Never a secret. */
  detail: Readonly<Record<string, unknown>>;
}

/** Writes an act down in the transaction that does it, so that there is never the one without the other. */
export async function noteAct(tx: Tx, act: Act): Promise<void> {
  await noteActs(tx, [act]);
}

export async function noteActs(tx: Tx, acts: readonly Act[]): Promise<void> {
  if (acts.length === 0) return;
  await tx.manager.insert(
    AuditEntryRow,
    acts.map(({ by, detail, ...columns }) => ({
      ...columns,
      id: newId('audit'),
      actor: by,
      detail: JSON.stringify(detail),
      createdAt: tx.now,
    })),
  );
}
