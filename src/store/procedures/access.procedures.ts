/** Tenants and their keys. */
import { MillraceError } from '../../kernel/errors.js';
import { ApiKeyRow } from '../entities/api-key.entity.js';
import { TenantRow } from '../entities/tenant.entity.js';
import { procedureOfOne, type Tx } from '../procedure.js';

/** Finds or makes a tenant: a tenant comes with its first key. */
async function tenantNamed(tx: Tx, name: string, id: string): Promise<TenantRow> {
  const known = await tx.manager.findOneBy(TenantRow, { name });
  if (known) return known;
  await tx.manager.insert(TenantRow, { id, name, createdAt: tx.now });
  return tx.manager.findOneByOrFail(TenantRow, { name });
}

export const ensureTenant = procedureOfOne('tenant-ensure', (tx, item: { name: string; id: string }) =>
  tenantNamed(tx, item.name, item.id),
);

export interface NewKey {
  id: string;
  name: string;
  hash: string;
  last4: string;
  /** JSON array of scopes. */
  scopes: string;
  expiresAt: number | null;
  tenant: { name: string; id: string };
}

export const createKey = procedureOfOne('key-create', async (tx, { tenant, ...columns }: NewKey) => {
  const { seq: tenantSeq } = await tenantNamed(tx, tenant.name, tenant.id);
  await tx.manager.insert(ApiKeyRow, { ...columns, tenantSeq, createdAt: tx.now });
  return tx.manager.findOneByOrFail(ApiKeyRow, { id: columns.id });
});

export const revokeKey = procedureOfOne('key-revoke', async (tx, { id }: { id: string }) => {
  const key = await tx.manager.findOneBy(ApiKeyRow, { id });
  if (!key) throw new MillraceError('not_found', `No key has the id '${id}'.`);
  if (key.revokedAt === null) await tx.manager.update(ApiKeyRow, { id }, { revokedAt: tx.now });
  return tx.manager.findOneByOrFail(ApiKeyRow, { id });
});
