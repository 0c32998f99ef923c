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

export interface KeyPage {
  keys: StoredKey[];
  hasMore: boolean;
}

/** Makes, changes and revokes API keys. `by` is who asks, for the audit log. */
@Injectable()
export class KeysService {
  constructor(
    private readonly store: AccessStore,
    private readonly events: EventBus,
  ) {}

  /** Refuses with `invalid_value` when a scope is unknown or there is none. */
  async create({ tenantName, name, scopes, expiresAt }: KeySpec, by: string): Promise<CreatedKey> {
    if (scopes.length === 0 || scopes.some((scope) => !SCOPES.includes(scope))) {
      throw new MillraceError('invalid_value', `Scopes are one or more of ${SCOPES.join(', ')}.`, { param: 'scopes' });
    }
    const { token, ...parts } = makeApiKey();
    const key = await this.store.createKey({
      ...parts,
      name,
      scopes: JSON.stringify([...new Set(scopes)]),
      expiresAt,
      tenant: { name: tenantName, id: newId('tenant') },
      by,
    });
    return { token, key };
  }

  /** Of all tenants, newest first, after the key `after`. Refuses with `not_found` when there is no such key. */
  async list(after: string | null, limit: number): Promise<KeyPage> {
    const last = after === null ? null : await this.store.findKey(after);
    if (after !== null && last === null) {
      throw new MillraceError('not_found', `No key has the id '${after}'.`, { param: 'after' });
    }
    const keys = await this.store.keyPage(last?.seq ?? null, limit + 1);
    return { keys: keys.slice(0, limit), hasMore: keys.length > limit };
  }

  /** From now on requests with this key are refused, in this process at once. Refuses with `not_found`. */
  async revoke(id: string, by: string): Promise<StoredKey> {
    const key = await this.store.revokeKey(id, by);
    this.events.publish('access.changed', { keyId: id });
    return key;
  }

  /**
   * Makes a key that may do the same, and ends this one after `overlapMs`; 0 ends it at once. Refuses with `not_found`, and
   * with `conflict` for a key that does not work any more.
   */
  async rotate(id: string, overlapMs: number, by: string): Promise<CreatedKey> {
    const { token, ...next } = makeApiKey();
    const key = await this.store.rotateKey({ id, next, overlapMs, by });
    this.events.publish('access.changed', { keyId: id });
    return { token, key };
  }
}
