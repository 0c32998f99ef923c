import { describe, expect, it } from 'vitest';
import { newId } from '../../src/kernel/ids.js';
import { InstanceRow } from '../../src/store/entities/instance.entity.js';
import { TenantRow } from '../../src/store/entities/tenant.entity.js';
import type { NewKey } from '../../src/store/procedures/access.procedures.js';
import type { NewQueue } from '../../src/store/procedures/queue.procedures.js';
import type { NewUpstream } from '../../src/store/procedures/upstream.procedures.js';
import type { TestStore } from '../support/store-factory.js';
import { range, seedLane, seedQueue, seedTenant } from '../support/store-seeds.js';

/** What everything else belongs to: tenants and their keys, queues and their lanes, upstreams, servers. */
export function exerciseStoreOwners(store: TestStore): void {
  describe('a tenant', () => exerciseTenants(store));
  describe('a key', () => exerciseKeys(store));
  describe('a queue', () => exerciseQueues(store));
  describe('an upstream', () => exerciseUpstreams(store));
  describe('an instance', () => exerciseInstances(store));
}

function exerciseTenants(store: TestStore): void {
  it('is made once for its name, by however many at once', async () => {
    const made = await Promise.all(range(1, 10).map((n) => store.access.ensureTenant('Größe', `ten_${n}`)));
    expect(new Set(made.map(({ seq }) => seq)).size).toBe(1);
    expect(made[9]).toMatchObject({ id: 'ten_1', name: 'Größe', createdAt: store.clock.now() });
    expect(await store.reader.countBy(TenantRow, {})).toBe(1);
  });
}

function newKey(over: Partial<NewKey> = {}): NewKey {
  const tenant = { name: 'acme', id: 'ten_acme' };
  return {
    id: newId('key'),
    name: 'ci',
    hash: 'ab'.repeat(32),
    last4: 'wxyz',
    scopes: '["files"]',
    expiresAt: null,
    tenant,
    by: 'admin',
    ...over,
  };
}

function exerciseKeys(store: TestStore): void {
  it('is found as it was made, and brings its tenant along', async () => {
    const { tenant, by, ...columns } = newKey({ expiresAt: store.clock.now() + 5_000 });
    const key = await store.access.createKey({ tenant, by, ...columns });
    const { seq } = await store.access.ensureTenant(tenant.name, 'ten_other');
    expect(key).toMatchObject({ ...columns, tenantSeq: seq, createdAt: store.clock.now(), revokedAt: null });
    expect(await store.access.findKey(columns.id)).toMatchObject(key);
  });

  it('joins the tenant of that name', async () => {
    const keys = await Promise.all(range(1, 5).map(() => store.access.createKey(newKey())));
    expect(new Set(keys.map(({ tenantSeq }) => tenantSeq)).size).toBe(1);
  });

  it('that has the id of another fails, and makes no tenant', async () => {
    const first = newKey();
    await store.access.createKey(first);
    const second = newKey({ id: first.id, tenant: { name: 'new', id: 'ten_new' } });
    await expect(store.access.createKey(second)).rejects.toThrow("write 'key-create' failed");
    expect(await store.reader.countBy(TenantRow, {})).toBe(1);
  });

  it('is revoked once, and keeps its time', async () => {
    const { id } = await store.access.createKey(newKey());
    store.clock.advance(10);
    const revokedAt = store.clock.now();
    expect(await store.access.revokeKey(id, 'admin')).toMatchObject({ id, revokedAt });
    store.clock.advance(10);
    expect(await store.access.revokeKey(id, 'admin')).toMatchObject({ revokedAt });
    expect(await store.access.findKey(id)).toMatchObject({ revokedAt });
  });

  it('that nobody made is neither found nor revoked', async () => {
    expect(await store.access.findKey('key_none')).toBeNull();
    await expect(store.access.revokeKey('key_none', 'admin')).rejects.toMatchObject({ code: 'not_found' });
  });
}

function exerciseQueues(store: TestStore): void {
  const newQueue = (tenantSeq: number, over: Partial<NewQueue> = {}): NewQueue => ({
    id: newId('queue'),
    tenantSeq,
    name: 'chat',
    visibility: 'private',
    endpoint: '/v1/chat/completions',
    models: '["m"]',
    consumers: '["upstream"]',
    upstreamSeq: 3,
    ...over,
  });

  it('is made, and changed in place afterwards', async () => {
    const tenantSeq = await seedTenant(store);
    const wanted = newQueue(tenantSeq);
    const createdAt = store.clock.now();
    const made = await store.queues.putQueue(wanted);
    expect(made).toMatchObject({ ...wanted, createdAt, updatedAt: createdAt, pausedAt: null, completionRule: 'first' });
    store.clock.advance(10);
    const changed = await store.queues.putQueue(newQueue(tenantSeq, { models: '[]', upstreamSeq: null }));
    expect(changed).toMatchObject({
      seq: made.seq,
      id: made.id,
      models: '[]',
      upstreamSeq: null,
      createdAt,
      updatedAt: store.clock.now(),
    });
    expect(await store.queues.queues()).toMatchObject([changed]);
  });

  it('has a name of its own in each tenant', async () => {
    const tenants = [await seedTenant(store), await seedTenant(store)];
    for (const tenantSeq of tenants) await store.queues.putQueue(newQueue(tenantSeq));
    expect((await store.queues.queues()).map(({ tenantSeq }) => tenantSeq)).toEqual(tenants);
  });

  it('has one lane for each level, made by whoever asks first', async () => {
    const queueSeq = await seedQueue(store, await seedTenant(store));
    const asked = await Promise.all(range(1, 20).map((n) => store.queues.ensureLane(queueSeq, n % 4)));
    expect(new Set(asked).size).toBe(4);
    const lanes = await store.queues.lanes();
    expect(lanes.map(({ level }) => level)).toEqual([0, 1, 2, 3]);
    expect(lanes[0]).toMatchObject({ queueSeq, clearedSeq: 0, lockedSeq: null, putCount: 0, takenCount: 0 });
  });

  it('does not share lanes with another', async () => {
    const [first, second] = [await seedLane(store, 1), await seedLane(store, 1)];
    expect(first.laneSeq).not.toBe(second.laneSeq);
    expect((await store.queues.lanes()).map(({ queueSeq }) => queueSeq)).toEqual([first.queueSeq, second.queueSeq]);
  });
}

function exerciseUpstreams(store: TestStore): void {
  it('is made, and changed in place afterwards', async () => {
    const wanted: NewUpstream = {
      id: newId('upstream'),
      name: 'default',
      baseUrl: 'http://127.0.0.1:9/v1',
      sealedKey: 'sealed',
      keyLast4: 'wxyz',
      concurrency: 64,
      perMinute: null,
      source: 'env',
    };
    const made = await store.queues.putUpstream(wanted);
    const createdAt = store.clock.now();
    expect(made).toMatchObject({ ...wanted, createdAt, updatedAt: createdAt });
    store.clock.advance(10);
    const changed = await store.queues.putUpstream({
      ...wanted,
      id: newId('upstream'),
      sealedKey: null,
      concurrency: 2,
    });
    expect(changed).toMatchObject({
      seq: made.seq,
      id: wanted.id,
      sealedKey: null,
      concurrency: 2,
      createdAt,
      updatedAt: store.clock.now(),
    });
    expect(await store.queues.upstreams()).toMatchObject([changed]);
  });
}

function exerciseInstances(store: TestStore): void {
  it('is new at each boot, and ends once', async () => {
    const boot = () =>
      store.instances.register({ id: newId('instance'), role: 'all', host: 'here', pid: 42, handlerTypes: '[]' });
    const [first, second] = [await boot(), await boot()];
    expect(second).not.toBe(first);
    const startedAt = store.clock.now();
    store.clock.advance(10);
    await store.instances.end(first);
    const rows = await store.reader.find(InstanceRow, { order: { seq: 'asc' } });
    expect(rows).toMatchObject([
      { seq: first, role: 'all', host: 'here', pid: 42, startedAt, heartbeatAt: startedAt, endedAt: store.clock.now() },
      { seq: second, endedAt: null },
    ]);
  });

  it('can tell that the store takes writes', async () => {
    await expect(store.health.probeWrite()).resolves.toBeUndefined();
  });
}
