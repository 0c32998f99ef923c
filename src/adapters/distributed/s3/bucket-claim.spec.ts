import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { contentOf, keysOf, put } from '../../../../test/support/blobs.js';
import { S3Service } from '../../../../test/support/services/s3.js';
import { s3StoreOptions } from '../../../../test/support/services/s3-store.js';
import { MARKER } from './bucket-claim.js';
import { S3BlobStore } from './s3-blob-store.js';

const log = { onRefused: vi.fn(), onLeftBehind: vi.fn() };

let service: S3Service;
let stores: S3BlobStore[];

beforeEach(async () => {
  service = await S3Service.start();
  stores = [];
});
afterEach(async () => {
  for (const each of stores) await each.close();
  await service.stop();
  vi.clearAllMocks();
});

interface Rows {
  id: string | null;
  hasBlobs: boolean;
}

function storeOf(rows: Rows, url = service.url): S3BlobStore {
  const owner = { deploymentId: async () => rows.id, hasBlobs: async () => rows.hasBlobs };
  return kept(new S3BlobStore(s3StoreOptions(url, { owner, log, attempts: 1 })));
}

/** One that takes any bucket, as a person does who looks into it. */
function looker(): S3BlobStore {
  return kept(new S3BlobStore(s3StoreOptions(service.url)));
}

function kept(store: S3BlobStore): S3BlobStore {
  stores.push(store);
  return store;
}

/** A deployment that has taken the bucket and stored a blob. */
async function settled(id = 'mine'): Promise<{ rows: Rows; store: S3BlobStore }> {
  const rows = { id, hasBlobs: false };
  const store = storeOf(rows);
  expect(await store.open()).toBe(true);
  await put(store, 'blob_1', 'bytes');
  rows.hasBlobs = true;
  return { rows, store };
}

it('a new deployment takes an empty bucket, by many processes at once, and comes back to it', async () => {
  const rows = { id: 'mine', hasBlobs: false };
  const all = Array.from({ length: 6 }, () => storeOf(rows));
  expect(await Promise.all(all.map((store) => store.open()))).toEqual(all.map(() => true));
  await put(all[0]!, 'blob_1', 'bytes');
  expect(await keysOf(all[1]!), 'the marker is no blob').toEqual(['blob_1']);
  rows.hasBlobs = true;
  expect(await storeOf(rows).open()).toBe(true);
});

it('of two deployments that find the same bucket empty, one gets it', async () => {
  const all = ['one', 'other'].map((id) => storeOf({ id, hasBlobs: false }));
  const opened = await Promise.allSettled(all.map((store) => store.open()));
  expect(opened.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
});

it('takes a bucket also of a server that knows no condition', async () => {
  service.failNext(501, 1, 'PUT /');
  await settled();
  expect(service.requests(`PUT /millrace/${MARKER}`)).toHaveLength(2);
});

it('refuses the bucket of another deployment, and says how to go on', async () => {
  await settled();
  const fresh = storeOf({ id: 'other', hasBlobs: false });
  await expect(fresh.open()).rejects.toThrow(
    new RegExp(`the bucket http://\\S+/millrace\\S* cannot be used: .*says "mine"; .*write other into .*${MARKER}`),
  );
  await expect(contentOf(fresh, 'blob_1')).rejects.toMatchObject({ code: 'storage_unavailable' });
  await expect(keysOf(fresh)).rejects.toMatchObject({ code: 'storage_unavailable' });
  await expect(fresh.delete('blob_1')).rejects.toMatchObject({ code: 'storage_unavailable' });
  expect(await keysOf(looker())).toEqual(['blob_1']);
});

it('refuses an empty bucket when the database knows blobs, and one with blobs when it knows none', async () => {
  await expect(storeOf({ id: 'mine', hasBlobs: true }).open()).rejects.toThrow(
    /files that the database knows are else/,
  );
  await put(looker(), 'blob_of_somebody', 'bytes');
  await expect(storeOf({ id: 'mine', hasBlobs: false }).open()).rejects.toThrow(/holds files of somebody else/);
});

it('lists nothing for one whose database was emptied meanwhile, and all when it is back', async () => {
  const { rows, store } = await settled();
  rows.id = null;
  await expect(keysOf(store)).rejects.toMatchObject({ code: 'storage_unavailable' });
  rows.id = 'made anew';
  await expect(contentOf(store, 'blob_1')).rejects.toMatchObject({ code: 'storage_unavailable' });
  expect(log.onRefused).toHaveBeenCalled();
  rows.id = 'mine';
  expect(await keysOf(store)).toEqual(['blob_1']);
});

it('starts while S3 is away, and looks before anything else when it is back', async () => {
  await settled();
  const [again, other] = [storeOf({ id: 'mine', hasBlobs: true }), storeOf({ id: 'other', hasBlobs: false })];
  await service.down();
  expect([await again.open(), await other.open()]).toEqual([false, false]);
  await expect(contentOf(again, 'blob_1')).rejects.toMatchObject({ code: 'storage_unavailable' });
  await service.up();
  expect(await contentOf(again, 'blob_1')).toEqual('bytes');
  await expect(put(other, 'blob_2', 'bytes')).rejects.toMatchObject({ code: 'storage_unavailable' });
  expect(log.onRefused).toHaveBeenCalledWith(expect.anything(), expect.stringContaining('MILLRACE_S3_URL'));
  expect(await keysOf(looker())).toEqual(['blob_1']);
});

it('refuses a bucket that is not there', async () => {
  const store = storeOf({ id: 'mine', hasBlobs: false }, service.url.replace(/millrace$/, 'absent'));
  await expect(store.open()).rejects.toThrow(/absent\S* cannot be used: .*; make the bucket/);
});
