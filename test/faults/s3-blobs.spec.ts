/** Blobs in S3, written and read by a process that is watched or killed. */
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { S3BlobStore } from '../../src/adapters/distributed/s3/s3-blob-store.js';
import { expectAbsent, keysOf } from '../support/blobs.js';
import { ChildProgram } from '../support/child-program.js';
import { S3Service } from '../support/services/s3.js';
import { s3StoreOptions } from '../support/services/s3-store.js';

const PROGRAM = join(import.meta.dirname, '../support/s3-program.js');
const MAX_RISE_MIB = 64;

let service: S3Service;
let store: S3BlobStore;

beforeEach(async () => {
  service = await S3Service.start();
  store = new S3BlobStore(s3StoreOptions(service.url));
});
afterEach(async () => {
  await store.close();
  await service.stop();
});

function run(...args: string[]): ChildProgram {
  return new ChildProgram({ args: [PROGRAM, service.url, ...args], cwd: import.meta.dirname, env: process.env });
}

it('streams 200 MiB in and out within little memory', async () => {
  const program = run('both', '200');
  const [, rise, bytes] = await program.printed((line) => /^rose (\d+) MiB, (\w+) bytes/.exec(line));
  expect(bytes).toBe('same');
  expect(Number(rise)).toBeLessThan(MAX_RISE_MIB);
  expect(await program.ended).toEqual({ code: 0, signal: null });
});

it('shows nothing of an upload whose process was killed, and takes its parts away later', async () => {
  const program = run('upload', '100');
  await program.printed((line) => (line === 'uploading' ? line : null));
  program.send('SIGKILL');
  expect(await program.ended).toEqual({ code: null, signal: 'SIGKILL' });
  expect(await keysOf(store)).toEqual(['blob_warm']);
  await expectAbsent(store, 'blob_big');
  expect(service.requests('PUT /millrace/blob_big?partNumber').length).toBeGreaterThan(1);
  expect(await store.abortAbandoned(0)).toBe(1);
  expect(await store.abortAbandoned(0)).toBe(0);
});
