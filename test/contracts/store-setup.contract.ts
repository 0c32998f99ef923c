import { describe, expect, it } from 'vitest';
import { newId } from '../../src/kernel/ids.js';
import { LaneRow } from '../../src/store/entities/lane.entity.js';
import type { QueueRow } from '../../src/store/entities/queue.entity.js';
import type { By } from '../../src/store/procedures/audit.js';
import type { NewQueue } from '../../src/store/procedures/queue.procedures.js';
import type { StoredUpstream } from '../../src/store/queue.store.js';
import type { TestStore } from '../support/store-factory.js';
import {
  answerTo,
  insertLines,
  lease,
  newBatch,
  newFile,
  range,
  seedBatch,
  seedFile,
  seedLane,
  seedTenant,
} from '../support/store-seeds.js';
import { failureOf, put, take } from '../support/task-seeds.js';

/** What operators set up, with the audit log that goes with it, and the quotas that they set. */
export function exerciseStoreSetup(store: TestStore): void {
  describe('an upstream', () => exerciseUpstreams(store));
  describe('a queue', () => exerciseQueues(store));
  describe('a key that is rotated', () => exerciseRotation(store));
  describe('an act', () => exerciseAudit(store));
  describe('a quota', () => exerciseQuotas(store));
}

const CONFLICT = { code: 'conflict' };
const NOT_FOUND = { code: 'not_found' };

function makeUpstream(store: TestStore, name: string): Promise<StoredUpstream> {
  return store.queues.createUpstream({
    id: newId('upstream'),
    name,
    baseUrl: 'http://a/v1',
    sealedKey: 'sealed',
    keyLast4: 'wxyz',
    concurrency: 3,
    perMinute: null,
    source: 'console',
    by: 'admin',
  });
}

function newQueue(tenantSeq: number, over: Partial<QueueRow> = {}): NewQueue & Pick<QueueRow, 'retryPolicy'> & By {
  const columns = { endpoint: null, models: '[]', consumers: '[]', upstreamSeq: null, retryPolicy: null };
  return { id: newId('queue'), tenantSeq, name: 'chat', visibility: 'private', ...columns, ...over, by: 'admin' };
}

async function actions(store: TestStore): Promise<string[]> {
  return (await store.audit.page(null, 100)).map(({ action }) => action).toReversed();
}

function exerciseUpstreams(store: TestStore): void {
  it('is made once, however many want its name', async () => {
    const tries = await Promise.allSettled(range(1, 5).map(() => makeUpstream(store, 'same')));
    expect(tries.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    await expect(makeUpstream(store, 'same')).rejects.toMatchObject({ ...CONFLICT, param: 'name' });
    expect(await store.queues.upstreams()).toMatchObject([{ name: 'same', concurrency: 3 }]);
    expect(await actions(store)).toEqual(['upstream.create']);
  });

  it('changes in what is given and keeps the rest', async () => {
    const { seq, createdAt } = await makeUpstream(store, 'u');
    store.clock.advance(10);
    const changed = await store.queues.updateUpstream(
      seq,
      { concurrency: 9, sealedKey: null, keyLast4: null },
      'key_1',
    );
    const updatedAt = store.clock.now();
    expect(changed).toMatchObject({ baseUrl: 'http://a/v1', concurrency: 9, sealedKey: null, createdAt, updatedAt });
    expect(await store.queues.upstreams()).toMatchObject([changed]);
  });

  it('goes when no queue uses it', async () => {
    const { seq: upstreamSeq } = await makeUpstream(store, 'u');
    const queue = await store.queues.createQueue(newQueue(await seedTenant(store), { upstreamSeq }));
    await expect(store.queues.deleteUpstream(upstreamSeq, 'admin')).rejects.toMatchObject(CONFLICT);
    await store.queues.updateQueue(queue.seq, { upstreamSeq: null }, 'admin');
    await store.queues.deleteUpstream(upstreamSeq, 'admin');
    expect(await store.queues.upstreams()).toEqual([]);
    await expect(store.queues.updateUpstream(upstreamSeq, { concurrency: 1 }, 'admin')).rejects.toMatchObject(
      NOT_FOUND,
    );
    await expect(store.queues.deleteUpstream(upstreamSeq, 'admin')).rejects.toMatchObject(NOT_FOUND);
    const late = store.queues.updateQueue(queue.seq, { upstreamSeq }, 'admin');
    await expect(late).rejects.toMatchObject({ ...CONFLICT, param: 'upstream' });
  });
}

function exerciseQueues(store: TestStore): void {
  it('has a name of its own in its tenant, and among all where either is shared', async () => {
    const [one, two] = [await seedTenant(store), await seedTenant(store)];
    const make = (tenantSeq: number, name: string, visibility = 'private') =>
      store.queues.createQueue(newQueue(tenantSeq, { name, visibility }));
    const mine = await make(one, 'mine');
    const ours = await make(one, 'ours', 'shared');
    const theirs = await make(two, 'mine');
    const taken = { ...CONFLICT, param: 'name' };
    await expect(make(one, 'mine')).rejects.toMatchObject(taken);
    await expect(make(two, 'ours')).rejects.toMatchObject(taken);
    await expect(make(two, 'mine', 'shared')).rejects.toMatchObject(taken);
    const share = (seq: number) => store.queues.updateQueue(seq, { visibility: 'shared' }, 'admin');
    await expect(share(mine.seq)).rejects.toMatchObject(taken);
    await store.queues.deleteQueue(theirs.seq, 'admin');
    expect(await share(mine.seq)).toMatchObject({ visibility: 'shared' });
    expect(await share(ours.seq)).toMatchObject({ visibility: 'shared' });
  });

  it('is paused and resumed, each once', async () => {
    const { seq } = await store.queues.createQueue(newQueue(await seedTenant(store)));
    const pausedAt = store.clock.now();
    expect(await store.queues.setQueuePaused(seq, true, 'admin')).toMatchObject({ pausedAt });
    store.clock.advance(10);
    expect(await store.queues.setQueuePaused(seq, true, 'admin')).toMatchObject({ pausedAt });
    expect(await store.queues.setQueuePaused(seq, false, 'admin')).toMatchObject({ pausedAt: null });
    expect(await actions(store)).toEqual(['queue.create', 'queue.pause', 'queue.resume']);
  });

  it.each(['ready', 'scheduled', 'leased'])('that holds a task that is %s is not deleted', async (state) => {
    const lane = await seedLane(store);
    await seedBatch(store, lane, 1);
    if (state !== 'ready') {
      const [task] = await lease(store, lane, 1);
      const { seq, epoch } = task!;
      const back = { seq, epoch, laneSeq: lane.laneSeq, isTry: true, isLoss: false, attempt: null };
      if (state === 'scheduled') await store.tasks.giveBack({ ...back, availableAt: store.clock.now() + 1_000 });
    }
    const text = expect.stringContaining('still holds 1 task.');
    await expect(store.queues.deleteQueue(lane.queueSeq, 'admin')).rejects.toMatchObject({
      ...CONFLICT,
      message: text,
    });
    expect(await store.reader.countBy(LaneRow, { queueSeq: lane.queueSeq })).toBe(1);
  });

  it('that holds dead letters is not deleted before they are gone', async () => {
    const lane = await seedLane(store);
    const id = await put(store, lane);
    const [task] = await take(store, [lane]);
    await store.pull.fail([failureOf(task!, lane, { isFinal: true })]);
    await expect(store.queues.deleteQueue(lane.queueSeq, 'admin')).rejects.toMatchObject({
      ...CONFLICT,
      message: expect.stringMatching(/still holds 1 dead letter\. .*dead\/redrive\).*dead\/drop\)/),
    });
    await store.deadLetters.drop({ ids: [id], tenantSeq: lane.tenantSeq, by: 'admin' });
    await store.queues.deleteQueue(lane.queueSeq, 'admin');
    expect(await store.queues.lanes()).toEqual([]);
  });

  it('whose tasks have ended goes with its lanes, and takes no task any more', async () => {
    const lane = await seedLane(store);
    const other = await seedLane(store);
    await seedBatch(store, lane, 1);
    const [task] = await lease(store, lane, 1);
    await store.tasks.finish(answerTo(task!, lane));
    await store.queues.deleteQueue(lane.queueSeq, 'admin');
    expect((await store.queues.lanes()).map(({ seq }) => seq)).toEqual([other.laneSeq]);
    const file = await seedFile(store, lane.tenantSeq);
    const { batch } = await store.batches.create(newBatch(file));
    await expect(insertLines(store, batch, lane, 0, 1)).rejects.toThrow('a lane is gone');
    expect(await store.batches.bySeq(batch.seq)).toMatchObject({ state: 'validating', ingested: 0 });
    await expect(store.queues.deleteQueue(lane.queueSeq, 'admin')).rejects.toMatchObject(NOT_FOUND);
  });

  it('waits for batches that may bring it tasks', async () => {
    const [lane, other] = [await seedLane(store), await seedLane(store)];
    const remove = () => store.queues.deleteQueue(lane.queueSeq, 'admin');
    const start = (over: object) => seedBatch(store, other, 0, over);
    await start({ queueSeq: other.queueSeq }); // names another queue
    const named = await start({ queueSeq: lane.queueSeq });
    await expect(remove()).rejects.toMatchObject({ ...CONFLICT, message: expect.stringMatching(/^1 batch being/) });
    await store.batches.cancel(named.tenantSeq, named.id);
    const open = await start({ queueSeq: null });
    await insertLines(store, open, other, 0, 2, 1); // one of two lines
    await expect(remove()).rejects.toMatchObject(CONFLICT);
    await insertLines(store, open, other, 1, 2, 1);
    await remove();
  });
}

function exerciseRotation(store: TestStore): void {
  const make = (expiresAt: number | null = null) =>
    store.access.createKey({
      id: newId('key'),
      name: 'ci',
      hash: 'ab'.repeat(32),
      last4: 'wxyz',
      scopes: '["files"]',
      expiresAt,
      tenant: { name: 'acme', id: 'ten_acme' },
      by: 'admin',
    });
  const rotate = (id: string, overlapMs: number) => {
    const next = { id: newId('key'), hash: 'cd'.repeat(32), last4: '1234' };
    return store.access.rotateKey({ id, next, overlapMs, by: 'admin' });
  };

  it('ends at once or after the overlap, and is replaced by its like', async () => {
    const old = await make();
    const revokedAt = store.clock.now();
    const { tenantSeq, name, scopes } = old;
    const next = await rotate(old.id, 0);
    expect(next).toMatchObject({ tenantSeq, name, scopes, expiresAt: null, hash: 'cd'.repeat(32), last4: '1234' });
    expect(await store.access.findKey(old.id)).toMatchObject({ revokedAt });
    await expect(rotate(old.id, 0)).rejects.toMatchObject(CONFLICT);

    const last = await rotate(next.id, 5_000);
    expect(await store.access.findKey(next.id)).toMatchObject({
      revokedAt: null,
      expiresAt: store.clock.now() + 5_000,
    });
    expect(await store.access.keyPage(null, 2)).toMatchObject([{ id: last.id }, { id: next.id }]);
    expect(await store.access.keyPage(next.seq, 2)).toMatchObject([{ id: old.id }]);
  });

  it('does not live longer for it, and not again', async () => {
    const expiresAt = store.clock.now() + 1_000;
    const { id } = await make(expiresAt);
    expect(await rotate(id, 60_000)).toMatchObject({ expiresAt });
    expect(await store.access.findKey(id)).toMatchObject({ expiresAt });
    store.clock.advance(1_000);
    await expect(rotate(id, 60_000)).rejects.toMatchObject(CONFLICT);
    await expect(rotate('key_none', 0)).rejects.toMatchObject(NOT_FOUND);
  });
}

function exerciseAudit(store: TestStore): void {
  it('is written down with the change, or neither is', async () => {
    const { seq: upstreamSeq } = await makeUpstream(store, 'u');
    const tenantSeq = await seedTenant(store);
    const queue = await store.queues.createQueue(newQueue(tenantSeq, { upstreamSeq, models: '["m"]' }));
    await expect(store.queues.createQueue(newQueue(tenantSeq))).rejects.toMatchObject(CONFLICT);
    await expect(store.queues.deleteUpstream(upstreamSeq, 'key_1')).rejects.toMatchObject(CONFLICT);
    const [act, ...older] = await store.audit.page(null, 10);
    expect(older.map(({ action }) => action)).toEqual(['upstream.create']);
    expect(act).toMatchObject({ actor: 'admin', action: 'queue.create', subject: queue.id, tenantSeq });
    expect(act).toMatchObject({ createdAt: store.clock.now(), id: expect.stringMatching(/^audit_/) });
    expect(JSON.parse(act!.detail!)).toMatchObject({ name: 'chat', upstream: 'u', models: ['m'] });
    expect(JSON.stringify(older)).not.toContain('sealed');
    expect(await store.audit.find(act!.id)).toMatchObject(act!);
    expect(await store.audit.page(act!.seq, 10)).toMatchObject(older);
  });

  it('of nobody to be named is not written down', async () => {
    const file = await seedFile(store, await seedTenant(store));
    const { batch } = await store.batches.create(newBatch(file));
    await store.batches.cancel(batch.tenantSeq, batch.id);
    await store.files.delete(file.tenantSeq, file.id);
    expect(await actions(store)).toEqual([]);
  });

  it('on a file or a batch is one of its tenant', async () => {
    const file = await seedFile(store, await seedTenant(store));
    const { batch } = await store.batches.create(newBatch(file));
    await store.batches.cancel(batch.tenantSeq, batch.id, 'key_1');
    await store.batches.cancel(batch.tenantSeq, batch.id, 'key_1');
    await store.files.delete(file.tenantSeq, file.id, 'key_1');
    const who = { actor: 'key_1', tenantSeq: file.tenantSeq };
    expect(await store.audit.page(null, 10)).toMatchObject([
      { ...who, action: 'file.delete', subject: file.id },
      { ...who, action: 'batch.cancel', subject: batch.id },
    ]);
  });
}

function exerciseQuotas(store: TestStore): void {
  const limit = async (tenantSeq: number, quotas: object) => {
    const name = (await store.access.tenantNames([tenantSeq])).get(tenantSeq)!;
    return store.tenants.update(name, quotas, 'admin');
  };
  const EXCEEDED = { code: 'quota_exceeded' };

  it('is set by itself, and only for a tenant that there is', async () => {
    const tenantSeq = await seedTenant(store);
    expect(await limit(tenantSeq, { maxFiles: 2 })).toMatchObject({
      maxFiles: 2,
      maxBytes: null,
      maxQueuedLines: null,
    });
    expect(await limit(tenantSeq, { maxBytes: 9 })).toMatchObject({ maxFiles: 2, maxBytes: 9 });
    expect(await limit(tenantSeq, { maxFiles: null })).toMatchObject({ maxFiles: null, maxBytes: 9 });
    await expect(store.tenants.update('nobody', { maxFiles: 1 }, 'admin')).rejects.toMatchObject(NOT_FOUND);
  });

  it('of files counts those that can be seen, with others of the same moment', async () => {
    const tenantSeq = await seedTenant(store);
    await limit(tenantSeq, { maxFiles: 3 });
    await seedFile(store, tenantSeq, { ttlMs: 1_000 });
    const tries = await Promise.allSettled(range(1, 9).map(() => store.files.create(newFile(tenantSeq))));
    expect(tries.filter(({ status }) => status === 'fulfilled')).toHaveLength(2);
    expect(await store.tenants.usage(tenantSeq)).toEqual({ files: 3, bytes: 3_000, queuedLines: 0 });
    store.clock.advance(1_000);
    await seedFile(store, tenantSeq);
    await expect(seedFile(store, tenantSeq)).rejects.toMatchObject(EXCEEDED);
  });

  it('of bytes takes what just fits', async () => {
    const tenantSeq = await seedTenant(store);
    await limit(tenantSeq, { maxBytes: 2 ** 40 });
    await seedFile(store, tenantSeq, { bytes: 2 ** 40 - 1 });
    await expect(seedFile(store, tenantSeq, { bytes: 2 })).rejects.toMatchObject(EXCEEDED);
    await seedFile(store, tenantSeq, { bytes: 1 });
    await seedFile(store, await seedTenant(store), { bytes: 2 });
  });

  it('of lines fails the batch that is too much, with others of the same moment', async () => {
    const lane = await seedLane(store);
    await limit(lane.tenantSeq, { maxQueuedLines: 5 });
    const batches = [];
    for (const _ of range(1, 3)) batches.push(await seedBatch(store, lane, 0));
    const accepted = await Promise.all(batches.map((batch) => insertLines(store, batch, lane, 0, 2)));
    expect(accepted).toEqual([true, true, false]);
    const failed = await store.batches.bySeq(batches[2]!.seq);
    expect(failed).toMatchObject({ state: 'failed', failedAt: store.clock.now(), ingested: 0, total: 0 });
    expect(JSON.parse(failed.errors!)).toMatchObject({
      object: 'list',
      data: [{ code: 'quota_exceeded', line: null }],
    });
    expect(await store.tenants.usage(lane.tenantSeq)).toMatchObject({ queuedLines: 4 });

    for (const task of await lease(store, lane, 2)) await store.tasks.finish(answerTo(task, lane));
    expect(await store.tenants.usage(lane.tenantSeq)).toMatchObject({ queuedLines: 2 });
    expect((await seedBatch(store, lane, 3)).state).toBe('in_progress');
  });

  it('of lines counts a batch whole from its first piece on, and lets it come in', async () => {
    const lane = await seedLane(store);
    await limit(lane.tenantSeq, { maxQueuedLines: 600 });
    const batch = await seedBatch(store, lane, 0);
    expect(await insertLines(store, batch, lane, 0, 600)).toBe(true);
    expect(await store.tenants.usage(lane.tenantSeq)).toMatchObject({ queuedLines: 600 });
    expect(await insertLines(store, await seedBatch(store, lane, 0), lane, 0, 1)).toBe(false);
    expect(await insertLines(store, batch, lane, 500, 600)).toBe(true);
  });

  it('of lines leaves a batch that was cancelled before alone', async () => {
    const lane = await seedLane(store);
    await limit(lane.tenantSeq, { maxQueuedLines: 0 });
    const batch = await seedBatch(store, lane, 0);
    await store.batches.cancel(batch.tenantSeq, batch.id);
    expect(await insertLines(store, batch, lane, 0, 1)).toBe(false);
    expect(await store.batches.bySeq(batch.seq)).toMatchObject({ state: 'cancelling', errors: null });
  });
}
