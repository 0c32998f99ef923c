import { Injectable } from '@nestjs/common';
import { makeApiKey } from '../../kernel/api-key.js';
import { MillraceError } from '../../kernel/errors.js';
import { newId } from '../../kernel/ids.js';
import { EventBus } from '../../ports/event-bus.js';
import { AccessStore, type StoredKey } from '../../store/access.store.js';
import { SCOPES, type Scope } from './scopes.js';

export interface KeySpec {
  /** Made if there is none of that name. */
  tenantName: string;
  name: string;
  scopes: readonly Scope[];
  /** Epoch ms; null: never. */
  expiresAt: number | null;
}

export interface CreatedKey {
  /** The key itself. It is not kept anywhere, so this is the only time it can be shown. */
  token: string;
  key: StoredKey;
}

/** Makes and revokes API keys. */
@Injectable()
export class KeysService {
  constructor(
    private readonly store: AccessStore,
    private readonly events: EventBus,
  ) {}

  /** Refuses with `invalid_value` when a scope is unknown or there is none. */
  async create({ tenantName, name, scopes, expiresAt }: KeySpec): Promise<CreatedKey> {
    if (scopes.length === 0 || scopes.some((scope) => !SCOPES.includes(scope))) {
      throw new MillraceError('invalid_value', `Scopes are one or more of ${SCOPES.join(', ')}.`, { param: 'scopes' });
    }
    const { id, token, hash, last4 } = makeApiKey();
    const key = await this.store.createKey({
      id,
      name,
      hash,
      last4,
      scopes: JSON.stringify([...new Set(scopes)]),
      expiresAt,
      tenant: { name: tenantName, id: newId('tenant') },
    });
    return { token, key };
  }

  /** From now on requests with this key are refused, in this process at once. Refuses with `not_found`. */
  async revoke(id: string): Promise<StoredKey> {
    const key = await this.store.revokeKey(id);
    this.events.publish('access.changed', { keyId: id });
    return key;
  }
}
