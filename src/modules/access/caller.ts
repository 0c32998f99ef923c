import type { Scope } from './scopes.js';

/** The tenant of the admin key, and of everybody where authentication is off. */
export const DEFAULT_TENANT = 'default';

/** Who a request comes from. */
export interface Caller {
  tenantSeq: number;
  /** Public id of the key; null for the admin key and where authentication is off. */
  keyId: string | null;
  scopes: ReadonlySet<Scope>;
  isAdmin: boolean;
}
