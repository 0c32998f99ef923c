import { beforeEach, describe, expect, it } from 'vitest';
import { FakeClock } from '../../../test/support/fake-clock.js';
import { settle } from '../../../test/support/inbox.js';
import { LocalEventBus } from '../../adapters/local/local-event-bus.js';
import type { AppConfig } from '../../config/app-config.js';
import type { Secrets } from '../../config/generated-secrets.js';
import { makeApiKey, type NewApiKey } from '../../kernel/api-key.js';
import type { AccessStore, StoredKey } from '../../store/access.store.js';
import { ApiKeyRow } from '../../store/entities/api-key.entity.js';
import { AccessService } from './access.service.js';
import { MAX_FAILURES, WINDOW_MS } from './failed-attempts.js';
import { KEY_CACHE_MS } from './key-cache.js';
import { SCOPES } from './scopes.js';

const ADMIN_KEY = 'the-key-of-the-admin';
const DEFAULT_TENANT_SEQ = 7;

let clock: FakeClock;
let events: LocalEventBus;
let rows: Map<string, StoredKey>;
let reads: number;
let service: AccessService;

beforeEach(async () => {
  clock = new FakeClock();
  events = new LocalEventBus({ onError: () => {} });
  rows = new Map();
  reads = 0;
  service = await makeService(true);
});

async function makeService(authEnabled: boolean): Promise<AccessService> {
  const store = {
    ensureTenant: async () => ({ seq: DEFAULT_TENANT_SEQ }),
    findKey: async (id: string) => {
      reads += 1;
      return rows.get(id) ?? null;
    },
  };
  const made = new AccessService({ authEnabled } as AppConfig, store as unknown as AccessStore, clock, events, {
    adminKey: { text: ADMIN_KEY },
  } as Secrets);
  await made.onModuleInit();
  return made;
}

function addKey(columns: Partial<StoredKey> = {}): NewApiKey {
  const key = makeApiKey();
  const row = { id: key.id, hash: key.hash, tenantSeq: 3, scopes: '["files"]', expiresAt: null, revokedAt: null };
  rows.set(key.id, { ...row, ...columns } as StoredKey);
  return key;
}

describe('authenticating', () => {
  it('knows the admin key, which belongs to the default tenant and may do everything', async () => {
    expect(await service.authenticate(`Bearer ${ADMIN_KEY}`)).toEqual({
      tenantSeq: DEFAULT_TENANT_SEQ,
      keyId: null,
      scopes: new Set(SCOPES),
      isAdmin: true,
    });
    expect(reads).toBe(0);
  });

  it('knows a key that was made, with its tenant and scopes', async () => {
    const { id, token } = addKey({ scopes: '["files","admin"]' });
    expect(await service.authenticate(`bearer   ${token}`)).toEqual({
      tenantSeq: 3,
      keyId: id,
      scopes: new Set(['files', 'admin']),
      isAdmin: true,
    });
  });

  it.each([undefined, '', 'Bearer', 'Bearer ', 'Basic abc', 'Bearer a b'])('misses a key in %j', async (header) => {
    await expect(service.authenticate(header)).rejects.toMatchObject({ code: 'missing_api_key' });
  });

  it('refuses unknown, revoked and expired keys, and right ids with wrong secrets, in the same words', async () => {
    const known = addKey();
    const forged = makeApiKey();
    rows.set(forged.id, rows.get(known.id)!);
    const refused = [
      makeApiKey(),
      addKey({ revokedAt: clock.now() }),
      addKey({ expiresAt: clock.now() }),
      forged,
      { token: 'mr_nonsense' },
    ];
    for (const { token } of refused) {
      await expect(service.authenticate(`Bearer ${token}`)).rejects.toMatchObject({
        code: 'invalid_api_key',
        message: expect.stringMatching(/^Incorrect API key provided: \S+\.$/),
      });
    }
  });

  it('asks the store once in a while, not for every request, and sees an expiry at once', async () => {
    const { token } = addKey({ expiresAt: clock.now() + KEY_CACHE_MS + 1_000 });
    for (let count = 0; count < 3; count += 1) await service.authenticate(`Bearer ${token}`);
    expect(reads).toBe(1);
    clock.advance(KEY_CACHE_MS);
    await service.authenticate(`Bearer ${token}`);
    expect(reads).toBe(2);
    clock.advance(1_000);
    await expect(service.authenticate(`Bearer ${token}`)).rejects.toMatchObject({ code: 'invalid_api_key' });
  });

  it('does not ask the store about what cannot be a key', async () => {
    await expect(service.authenticate('Bearer sk-whatever')).rejects.toMatchObject({ code: 'invalid_api_key' });
    expect(reads).toBe(0);
  });

  it('sees a revocation at once when it is told, and after a while when it is not', async () => {
    const told = addKey();
    const untold = addKey();
    for (const { token } of [told, untold]) await service.authenticate(`Bearer ${token}`);
    for (const { id } of [told, untold])
      rows.set(id, Object.assign(new ApiKeyRow(), rows.get(id), { revokedAt: clock.now() }));
    events.publish('access.changed', { keyId: told.id });
    await settle();
    await expect(service.authenticate(`Bearer ${told.token}`)).rejects.toMatchObject({ code: 'invalid_api_key' });
    await service.authenticate(`Bearer ${untold.token}`);
    clock.advance(KEY_CACHE_MS);
    await expect(service.authenticate(`Bearer ${untold.token}`)).rejects.toMatchObject({ code: 'invalid_api_key' });
  });

  it('has those wait who try out many keys, but nobody with a key of ours', async () => {
    const { token } = addKey();
    const guess = (text: string, address = '10.0.0.1') => service.authenticate(`Bearer ${text}`, address);
    for (let count = 0; count < MAX_FAILURES; count += 1) {
      await expect(guess(`guess-${count}`)).rejects.toMatchObject({ code: 'invalid_api_key' });
    }
    const slowed = { code: 'rate_limit_exceeded', retryAfterMs: WINDOW_MS };
    for (const text of ['another-guess', makeApiKey().token, ADMIN_KEY]) {
      await expect(guess(text)).rejects.toMatchObject(slowed);
    }
    expect(await guess(token)).toMatchObject({ tenantSeq: 3 });
    expect(await guess(ADMIN_KEY, '10.0.0.2')).toMatchObject({ isAdmin: true });
    clock.advance(WINDOW_MS);
    expect(await guess(ADMIN_KEY)).toMatchObject({ isAdmin: true });
  });

  it('does not count who sent no key', async () => {
    for (let count = 0; count <= MAX_FAILURES; count += 1) await service.authenticate('', '::1').catch(() => {});
    await expect(service.authenticate('Bearer x', '::1')).rejects.toMatchObject({ code: 'invalid_api_key' });
  });

  it('lets everybody do everything where it is off', async () => {
    const open = await makeService(false);
    expect(await open.authenticate()).toEqual({
      tenantSeq: DEFAULT_TENANT_SEQ,
      keyId: null,
      scopes: new Set(SCOPES),
      isAdmin: true,
    });
  });
});
