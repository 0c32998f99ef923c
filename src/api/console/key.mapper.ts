/** Between API keys as operators see them and as they are kept. */
import { toSeconds } from '../../kernel/clock.js';
import { DEFAULT_TENANT } from '../../kernel/default-names.js';
import { MillraceError } from '../../kernel/errors.js';
import type { KeySpec } from '../../modules/access/keys.service.js';
import type { StoredKey } from '../../store/access.store.js';
import { isGiven } from '../common/field.decorators.js';
import type { CreateKeyDto, KeyDto } from './key.dto.js';

/** `tenants`: names by seq. */
export function toKeyDto(key: StoredKey, tenants: ReadonlyMap<number, string>): KeyDto {
  return {
    object: 'key',
    id: key.id,
    name: key.name,
    tenant: tenants.get(key.tenantSeq) ?? '',
    scopes: JSON.parse(key.scopes) as string[],
    last4: key.last4,
    created_at: toSeconds(key.createdAt),
    expires_at: toSeconds(key.expiresAt),
    revoked_at: toSeconds(key.revokedAt),
  };
}

/** Refuses with `invalid_value` a key that would be expired before anybody has it. */
export function toKeySpec({ tenant, name, scopes, expires_at: seconds }: CreateKeyDto, now: number): KeySpec {
  const expiresAt = isGiven(seconds) ? seconds * 1000 : null;
  if (expiresAt !== null && expiresAt <= now) {
    throw new MillraceError('invalid_value', "Invalid 'expires_at': it is in the past.", { param: 'expires_at' });
  }
  return { tenantName: tenant ?? DEFAULT_TENANT, name, scopes, expiresAt };
}
