import type { Scope } from './scopes.js';

/** Who a request comes from. */
export interface Caller {
  tenantSeq: number;
  /** Public id of the key; null for the admin key and where authentication is off. */
  keyId: string | null;
  scopes: ReadonlySet<Scope>;
  isAdmin: boolean;
}

/** What the audit log calls a caller. */
export function actorOf({ keyId }: Caller): string {
  return keyId ?? 'admin';
}
