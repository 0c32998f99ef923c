/** Tenants and their keys. */
import { MillraceError } from '../../kernel/errors.js';
import { ApiKeyRow } from '../entities/api-key.entity.js';
import { TenantRow } from '../entities/tenant.entity.js';
import { procedureOfOne, type Tx } from '../procedure.js';
import { noteAct, type By } from './audit.js';

export const ensureTenant = procedureOfOne(
  'tenant-ensure',
  async (tx, { name, id }: { name: string; id: string }): Promise<TenantRow> =>
    (await tx.manager.findOneBy(TenantRow, { name })) ?? insertTenant(tx, name, id),
);

async function insertTenant(tx: Tx, name: string, id: string): Promise<TenantRow> {
  await tx.manager.insert(TenantRow, { id, name, createdAt: tx.now });
  return tx.manager.findOneByOrFail(TenantRow, { name });
}

/** Quotas; null for none. What is left out stays. */
export type TenantChanges = Partial<Pick<TenantRow, 'maxFiles' | 'maxBytes' | 'maxQueuedLines'>>;

export const updateTenant = procedureOfOne(
  'tenant-update',
  async (tx, { name, changes, by }: { name: string; changes: TenantChanges } & By): Promise<TenantRow> => {
    const tenant = await tx.manager.findOneBy(TenantRow, { name });
    if (!tenant) throw new MillraceError('not_found', `No tenant is named '${name}'.`);
    const { seq, id: subject } = tenant;
    if (Object.keys(changes).length === 0) return tenant;
    await tx.manager.update(TenantRow, { seq }, changes);
    await noteAct(tx, { by, action: 'tenant.update', tenantSeq: seq, subject, detail: { name, ...changes } });
    return tx.manager.findOneByOrFail(TenantRow, { seq });
  },
);

export interface NewKey extends By {
  id: string;
  name: string;
  hash: string;
  last4: string;
  /** JSON array of scopes. */
  scopes: string;
  expiresAt: number | null;
  tenant: { name: string; id: string };
}

/** A tenant comes with its first key. */
export const createKey = procedureOfOne('key-create', async (tx, { tenant, by, ...columns }: NewKey) => {
  const { seq: tenantSeq } =
    (await tx.manager.findOneBy(TenantRow, { name: tenant.name })) ?? (await newTenant(tx, tenant, by));
  const { id: subject, name, scopes, expiresAt } = columns;
  await tx.manager.insert(ApiKeyRow, { ...columns, tenantSeq, createdAt: tx.now });
  const detail = { name, scopes: JSON.parse(scopes) as unknown, expiresAt };
  await noteAct(tx, { by, action: 'key.create', tenantSeq, subject, detail });
  return keyOf(tx, subject);
});

async function newTenant(tx: Tx, { name, id }: NewKey['tenant'], by: string): Promise<TenantRow> {
  const row = await insertTenant(tx, name, id);
  await noteAct(tx, { by, action: 'tenant.create', tenantSeq: row.seq, subject: id, detail: { name } });
  return row;
}

/** Revoking twice is fine; the first time counts. */
export const revokeKey = procedureOfOne('key-revoke', async (tx, { id, by }: { id: string } & By) => {
  const { tenantSeq, name, revokedAt } = await keyOf(tx, id);
  if (revokedAt === null) {
    await tx.manager.update(ApiKeyRow, { id }, { revokedAt: tx.now });
    await noteAct(tx, { by, action: 'key.revoke', tenantSeq, subject: id, detail: { name } });
  }
  return keyOf(tx, id);
});

export interface Rotation extends By {
  id: string;
  /** The key that takes its place, with the same name, scopes and expiry. */
  next: Pick<ApiKeyRow, 'id' | 'hash' | 'last4'>;
  /** How long the old one goes on working; 0 revokes it at once. */
  overlapMs: number;
}

/** Refuses with `conflict` for a key that does not work any more. Returns the new key. */
export const rotateKey = procedureOfOne('key-rotate', async (tx, { id, next, overlapMs, by }: Rotation) => {
  const { tenantSeq, name, scopes, expiresAt, revokedAt } = await keyOf(tx, id);
  if (revokedAt !== null || (expiresAt !== null && expiresAt <= tx.now)) {
    const why = revokedAt === null ? 'has expired' : 'was revoked';
    throw new MillraceError('conflict', `The key '${id}' ${why}. Make a new key instead.`);
  }
  await tx.manager.insert(ApiKeyRow, { ...next, tenantSeq, name, scopes, expiresAt, createdAt: tx.now });
  const overlapEndsAt = Math.min(expiresAt ?? Infinity, tx.now + overlapMs);
  const end = overlapMs === 0 ? { revokedAt: tx.now } : { expiresAt: overlapEndsAt };
  await tx.manager.update(ApiKeyRow, { id }, end);
  const detail = { name, newKey: next.id, overlapSeconds: overlapMs / 1000 };
  await noteAct(tx, { by, action: 'key.rotate', tenantSeq, subject: id, detail });
  return keyOf(tx, next.id);
});

async function keyOf(tx: Tx, id: string): Promise<ApiKeyRow> {
  const key = await tx.manager.findOneBy(ApiKeyRow, { id });
  if (key) return key;
  throw new MillraceError('not_found', `No key has the id '${id}'.`);
}
