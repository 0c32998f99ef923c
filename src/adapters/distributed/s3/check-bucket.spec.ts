import { afterEach, beforeEach, expect, it } from 'vitest';
import { keysOf } from '../../../../test/support/blobs.js';
import { S3Service } from '../../../../test/support/services/s3.js';
import { s3StoreOptions } from '../../../../test/support/services/s3-store.js';
import { checkBucket } from './check-bucket.js';
import { S3BlobStore } from './s3-blob-store.js';

let service: S3Service;
let store: S3BlobStore;

beforeEach(async () => {
  service = await S3Service.start();
  store = new S3BlobStore(s3StoreOptions(service.url, { attempts: 1 }));
});
afterEach(async () => {
  await store.close();
  await service.stop();
});

it('finds a sound bucket sound, and leaves it as it was', async () => {
  const findings = await checkBucket(store);
  expect(findings.map(({ check, status }) => `${check}: ${status}`)).toEqual([
    's3 put: ok',
    's3 get: ok',
    's3 range: ok',
    's3 list: ok',
    's3 multipart: ok',
    's3 uploads: ok',
    's3 delete: ok',
  ]);
  expect(await keysOf(store)).toEqual([]);
});

it.each([
  [403, 'PUT', 's3 put', 'allow the key s3:GetObject'],
  [403, 'GET /millrace/blob', 's3 get', 'allow the key'],
  [403, 'GET /millrace/?list', 's3 list', 's3:ListBucket '],
  [403, 'POST', 's3 multipart', 'allow the key'],
  [403, 'GET /millrace/?prefix=&uploads', 's3 uploads', 's3:ListBucketMultipartUploads'],
  [500, 'PUT', 's3 put', 'host and port'],
  [403, 'DELETE', 's3 delete', 's3:DeleteObject'],
])('with %i for %s it says that %s fails and what to do', async (status, match, check, fix) => {
  service.failNext(status, 1, match);
  const findings = await checkBucket(store);
  const failures = findings.filter((finding) => finding.status === 'failed');
  expect(failures).toEqual([expect.objectContaining({ check, fix: expect.stringContaining(fix) })]);
  expect(JSON.stringify(findings)).not.toContain('millrace-secret');
  if (check !== 's3 delete') expect(await keysOf(store)).toEqual([]);
});

it('says so when nobody answers', async () => {
  await service.down();
  const findings = await checkBucket(store);
  expect(findings[0]).toMatchObject({
    check: 's3 put',
    status: 'failed',
    fix: expect.stringContaining('host and port'),
  });
  await service.up();
});
