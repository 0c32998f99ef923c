import { describe, expect, it } from 'vitest';
import { newId } from '../../src/kernel/ids.js';
import { FileRow } from '../../src/store/entities/file.entity.js';
import type { StoredFile } from '../../src/store/file.store.js';
import { SWEEP_ROWS } from '../../src/store/procedures/task.procedures.js';
import type { TestStore } from '../support/store-factory.js';
import { newBatch, newFile, range, seedFile, seedTenant } from '../support/store-seeds.js';

/** Names for blobs: made, found, hidden, and their blobs given back. */
export function exerciseStoreFiles(store: TestStore): void {
  describe('a file', () => exerciseOne(store));
  describe('a file that is deleted', () => exerciseDelete(store));
  describe('a file whose time is over', () => exerciseExpiry(store));
  describe('a page of files', () => exercisePages(store));
  describe('a blob', () => exerciseBlobs(store));
}

const ids = (files: readonly StoredFile[]) => files.map(({ id }) => id);

function exerciseOne(store: TestStore): void {
  it('is found as it was made', async () => {
    const tenantSeq = await seedTenant(store);
    const wanted = newFile(tenantSeq, { filename: 'Größe „x“ 漢字\0.jsonl', purpose: 'batch', bytes: 3 * 2 ** 31 });
    const now = store.clock.now();
    const file = await store.files.create(wanted);
    expect(file).toMatchObject({
      id: wanted.id,
      tenantSeq,
      purpose: 'batch',
      filename: wanted.filename,
      bytes: wanted.bytes,
      createdAt: now,
      expiresAt: null,
      deletedAt: null,
    });
    expect(await store.files.find(tenantSeq, wanted.id)).toMatchObject(file);
    const blob = await store.files.blobOf(file);
    expect(blob).toMatchObject({ key: wanted.blobKey, bytes: wanted.bytes, sha256: wanted.sha256, createdAt: now });
    expect(await store.files.blob(file.blobSeq)).toEqual(blob);
  });

  it('is not found by another tenant, nor deleted by one', async () => {
    const [owner, other] = [await seedTenant(store), await seedTenant(store)];
    const file = await seedFile(store, owner);
    expect(await store.files.find(other, file.id)).toBeNull();
    await expect(store.files.delete(other, file.id)).rejects.toMatchObject({ code: 'not_found' });
    expect(await store.files.find(owner, file.id)).not.toBeNull();
  });

  it.each(['id', 'blobKey'] as const)('that has the %s of another fails, and leaves nothing behind', async (field) => {
    const tenantSeq = await seedTenant(store);
    const first = newFile(tenantSeq);
    await store.files.create(first);
    const second = newFile(tenantSeq, { [field]: first[field] });
    await expect(store.files.create(second)).rejects.toThrow("write 'file-create' failed");
    expect(await store.reader.countBy(FileRow, {})).toBe(1);
    expect(await store.files.isBlobKnown(second.blobKey)).toBe(field === 'blobKey');
  });
}

function exerciseDelete(store: TestStore): void {
  it('is hidden at once, and cannot be deleted again', async () => {
    const file = await seedFile(store, await seedTenant(store));
    await store.files.delete(file.tenantSeq, file.id);
    expect(await store.files.find(file.tenantSeq, file.id)).toBeNull();
    await expect(store.files.delete(file.tenantSeq, file.id)).rejects.toMatchObject({
      code: 'not_found',
      status: 404,
      param: 'id',
      message: `No such File object: ${file.id}`,
    });
  });

  it('is deleted by one of many who try at once', async () => {
    const file = await seedFile(store, await seedTenant(store));
    const tries = await Promise.allSettled(range(1, 10).map(() => store.files.delete(file.tenantSeq, file.id)));
    expect(tries.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  it('must have been there', async () => {
    const missing = store.files.delete(await seedTenant(store), newId('file'));
    await expect(missing).rejects.toMatchObject({ code: 'not_found' });
  });
}

function exerciseExpiry(store: TestStore): void {
  it('is hidden to the millisecond, swept or not', async () => {
    const file = await seedFile(store, await seedTenant(store), { ttlMs: 5_000 });
    expect(file.expiresAt).toBe(store.clock.now() + 5_000);
    store.clock.advance(4_999);
    expect(await store.files.find(file.tenantSeq, file.id)).not.toBeNull();
    store.clock.advance(1);
    expect(await store.files.find(file.tenantSeq, file.id)).toBeNull();
    await expect(store.files.delete(file.tenantSeq, file.id)).rejects.toMatchObject({ code: 'not_found' });
  });

  it('is marked by the sweep, and none other is', async () => {
    const tenantSeq = await seedTenant(store);
    const [soon, later] = [
      await seedFile(store, tenantSeq, { ttlMs: 10 }),
      await seedFile(store, tenantSeq, { ttlMs: 20 }),
    ];
    const forever = await seedFile(store, tenantSeq);
    store.clock.advance(10);
    expect(await store.files.hasExpired()).toBe(true);
    expect(await store.files.expire()).toBe(1);
    expect(await store.files.expire()).toBe(0);
    expect(await store.files.hasExpired()).toBe(false);
    const marked = await store.reader.find(FileRow, { order: { seq: 'asc' } });
    expect(marked.map(({ deletedAt }) => deletedAt)).toEqual([store.clock.now(), null, null]);
    expect(ids(marked)).toEqual([soon.id, later.id, forever.id]);
  });

  it('may be one of very many: at most 2,000 a sweep', async () => {
    const tenantSeq = await seedTenant(store);
    const now = store.clock.now();
    const rows = range(1, SWEEP_ROWS + 5).map((n) => ({
      id: `file-${n}`,
      tenantSeq,
      blobSeq: n,
      purpose: 'batch',
      filename: 'x',
      bytes: 1,
      createdAt: now,
      expiresAt: now,
    }));
    for (let from = 0; from < rows.length; from += 500)
      await store.byHand.insert(FileRow, rows.slice(from, from + 500));
    expect(await store.files.expire()).toBe(SWEEP_ROWS);
    expect(await store.files.expire()).toBe(5);
  });
}

function exercisePages(store: TestStore): void {
  const page = async (tenantSeq: number, over: Partial<Parameters<TestStore['files']['page']>[0]> = {}) =>
    store.files.page({ tenantSeq, afterSeq: null, order: 'asc', purpose: null, limit: 100, ...over });
  const seedSome = async (tenantSeq: number, count: number) => {
    const files: StoredFile[] = [];
    for (const _ of range(1, count)) files.push(await seedFile(store, tenantSeq));
    return files;
  };

  it.each(['asc', 'desc'] as const)('is in the order in which they were made: %s', async (order) => {
    const tenantSeq = await seedTenant(store);
    const made = ids(await seedSome(tenantSeq, 5));
    expect(ids(await page(tenantSeq, { order }))).toEqual(order === 'asc' ? made : made.toReversed());
  });

  it.each(['asc', 'desc'] as const)('goes on after the last one of the page before: %s', async (order) => {
    const tenantSeq = await seedTenant(store);
    const made = ids(await seedSome(tenantSeq, 7));
    const seen: string[] = [];
    let afterSeq: number | null = null;
    for (const size of [3, 3, 1, 0]) {
      const files: StoredFile[] = await page(tenantSeq, { order, afterSeq, limit: 3 });
      expect(files).toHaveLength(size);
      seen.push(...ids(files));
      afterSeq = files.at(-1)?.seq ?? afterSeq;
    }
    expect(seen).toEqual(order === 'asc' ? made : made.toReversed());
  });

  it('may be of one purpose', async () => {
    const tenantSeq = await seedTenant(store);
    const [input] = await seedSome(tenantSeq, 1);
    const output = await seedFile(store, tenantSeq, { purpose: 'batch_output' });
    expect(ids(await page(tenantSeq, { purpose: 'batch' }))).toEqual([input!.id]);
    expect(ids(await page(tenantSeq, { purpose: 'batch_output' }))).toEqual([output.id]);
    expect(await page(tenantSeq, { purpose: 'vision' })).toEqual([]);
  });

  it('leaves out what is deleted, expired or of another tenant', async () => {
    const [tenantSeq, other] = [await seedTenant(store), await seedTenant(store)];
    const [kept, deleted] = await seedSome(tenantSeq, 2);
    await seedFile(store, tenantSeq, { ttlMs: 10 });
    const later = await seedFile(store, tenantSeq, { ttlMs: 11 });
    await seedSome(other, 2);
    await store.files.delete(tenantSeq, deleted!.id);
    store.clock.advance(10);
    expect(ids(await page(tenantSeq))).toEqual([kept!.id, later.id]);
    expect(ids(await page(tenantSeq, { afterSeq: kept!.seq, limit: 1 }))).toEqual([later.id]);
  });
}

function exerciseBlobs(store: TestStore): void {
  const collect = async (limit = 100) => (await store.files.collectBlobs(limit)).map(({ key }) => key);

  it('stays while a file names it, and goes with the file', async () => {
    const wanted = newFile(await seedTenant(store));
    const file = await store.files.create(wanted);
    expect(await store.files.hasDeleted()).toBe(false);
    expect(await collect()).toEqual([]);
    await store.files.delete(file.tenantSeq, file.id);
    expect(await store.files.hasDeleted()).toBe(true);
    expect(await collect()).toEqual([wanted.blobKey]);
  });

  it('goes when the file has expired and was swept', async () => {
    const wanted = newFile(await seedTenant(store), { ttlMs: 5 });
    await store.files.create(wanted);
    store.clock.advance(5);
    await store.files.expire();
    expect(await collect()).toEqual([wanted.blobKey]);
  });

  it('is named until it is dropped, so that a crash between the two forgets none', async () => {
    const wanted = newFile(await seedTenant(store));
    const file = await store.files.create(wanted);
    await store.files.delete(file.tenantSeq, file.id);
    const [blob] = await store.files.collectBlobs(100);
    expect(await collect()).toEqual([wanted.blobKey]);
    expect(await store.files.isBlobKnown(wanted.blobKey)).toBe(true);
    await store.files.dropBlobs([blob!.seq]);
    expect(await collect()).toEqual([]);
    expect(await store.files.isBlobKnown(wanted.blobKey)).toBe(false);
    expect(await store.files.hasDeleted()).toBe(false);
  });

  it('is pinned by each batch it is the input of, until the last of them has ended', async () => {
    const wanted = newFile(await seedTenant(store));
    const file = await store.files.create(wanted);
    const [first, second] = [await store.batches.create(newBatch(file)), await store.batches.create(newBatch(file))];
    await store.files.delete(file.tenantSeq, file.id);
    expect(await collect()).toEqual([]);
    await store.batches.fail(first.batch.seq, '[]');
    expect(await collect()).toEqual([]);
    await store.batches.cancel(file.tenantSeq, second.batch.id);
    expect(await collect()).toEqual([]);
    await store.batches.finish({ batchSeq: second.batch.seq, outcome: 'cancelled', output: null, error: null });
    expect(await collect()).toEqual([wanted.blobKey]);
  });

  it('that is pinned keeps no other from going', async () => {
    const tenantSeq = await seedTenant(store);
    const [pinned, free] = [newFile(tenantSeq), newFile(tenantSeq)];
    await store.batches.create(newBatch(await store.files.create(pinned)));
    await store.files.create(free);
    for (const { id } of [pinned, free]) await store.files.delete(tenantSeq, id);
    expect(await collect(1)).toEqual([free.blobKey]);
  });

  it('is collected in steps, oldest first', async () => {
    const tenantSeq = await seedTenant(store);
    const files = range(1, 5).map(() => newFile(tenantSeq));
    for (const file of files) await store.files.create(file);
    for (const { id } of files) await store.files.delete(tenantSeq, id);
    const collected: string[] = [];
    for (const size of [2, 2, 1, 0]) {
      const step = await store.files.collectBlobs(2);
      expect(step).toHaveLength(size);
      collected.push(...step.map(({ key }) => key));
      await store.files.dropBlobs(step.map(({ seq }) => seq));
    }
    expect(collected).toEqual(files.map(({ blobKey }) => blobKey));
  });

  it('that nobody made is not known', async () => {
    expect(await store.files.isBlobKnown(newId('blob'))).toBe(false);
  });
}
