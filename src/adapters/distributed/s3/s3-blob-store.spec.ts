import { randomBytes } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  contentOf,
  expectAbsent,
  expectBytes,
  filledChunk,
  keysOf,
  put,
  putBytes,
} from '../../../../test/support/blobs.js';
import { S3Service } from '../../../../test/support/services/s3.js';
import { s3StoreOptions } from '../../../../test/support/services/s3-store.js';
import { S3BlobStore, type S3BlobStoreOptions } from './s3-blob-store.js';
import { RANGE_BYTES } from './s3-range-cache.js';

const MIB = 1024 * 1024;
const OUTAGE = { code: 'storage_unavailable', status: 503, retryAfterMs: 5_000 };

let service: S3Service;
let store: S3BlobStore;
let stores: S3BlobStore[];
const log = { onRefused: vi.fn(), onLeftBehind: vi.fn() };

beforeEach(async () => {
  service = await S3Service.start();
  stores = [];
  store = open();
});
afterEach(async () => {
  for (const each of stores) await each.close();
  await service.stop();
  vi.clearAllMocks();
});

function open(more: Partial<S3BlobStoreOptions> = {}, url = service.url): S3BlobStore {
  const opened = new S3BlobStore(s3StoreOptions(url, { log, ...more }));
  stores.push(opened);
  return opened;
}

async function unfinished(): Promise<number> {
  const response = await fetch(`${new URL(service.url).origin}/millrace?uploads`, {
    headers: { authorization: 'Credential=millrace/' },
  });
  return (await response.text()).split('<Upload>').length - 1;
}

describe('reading while connections break', () => {
  it('goes on from the byte that was reached', async () => {
    const bytes = randomBytes(20 * MIB);
    await putBytes(store, 'blob_1', bytes);
    service.cutNext(3);
    await expectBytes(store, 'blob_1', bytes);
    // Each break leaves half of what was asked for.
    expect(service.requests('GET /millrace/blob_1')).toHaveLength(4);
  });

  it('does so for the ranges that lines are cut from', async () => {
    const bytes = randomBytes(9 * MIB);
    await putBytes(store, 'blob_1', bytes);
    service.cutNext(2);
    expect(bytes.subarray(5, 8 * MIB + 100).equals(await store.readRange('blob_1', 5, 8 * MIB + 95))).toBe(true);
  });

  it('gives everybody the right bytes out of memory that serves again and again', async () => {
    const bytes = randomBytes(24 * RANGE_BYTES + 5);
    await putBytes(store, 'blob_1', bytes);
    // Each stretch begins in one range and ends in the next, and the readers are ranges apart.
    const readAll = async (first: number): Promise<void> => {
      for (let index = first; index < 24; index += 1) {
        const start = (index + 1) * RANGE_BYTES - 1_000;
        const read = await store.readRange('blob_1', start, 2_000);
        expect([index, read.equals(bytes.subarray(start, start + 2_000))]).toEqual([index, true]);
      }
    };
    await Promise.all([readAll(0), readAll(0), readAll(5), readAll(16)]);
  });

  it('goes on when a reader stops for longer than a connection may be idle', async () => {
    const bytes = randomBytes(20 * MIB);
    await putBytes(store, 'blob_1', bytes);
    const stream = await open({ idleTimeoutMs: 200 }).read('blob_1');
    const pieces: Buffer[] = [];
    for await (const piece of stream) {
      if (pieces.push(piece as Buffer) === 1) await sleep(600);
    }
    expect(Buffer.concat(pieces).equals(bytes)).toBe(true);
    expect(service.requests('GET /millrace/blob_1').length).toBeGreaterThan(1);
  });

  it('ends with an error when the object is replaced meanwhile', async () => {
    await putBytes(store, 'blob_1', filledChunk(20 * MIB, 1));
    const stream = await store.read('blob_1');
    await putBytes(open(), 'blob_1', filledChunk(20 * MIB, 2));
    await service.down();
    await service.up();
    await expect(buffer(stream)).rejects.toThrow("'blob_1' was replaced");
  });

  it('refuses to cut one stretch from two versions, and reads the new one after that', async () => {
    await putBytes(store, 'blob_1', filledChunk(17 * MIB, 1));
    await store.readRange('blob_1', 0, 10);
    const replaced = filledChunk(17 * MIB, 2);
    await putBytes(open(), 'blob_1', replaced);
    await expect(store.readRange('blob_1', 8 * MIB - 5, 10)).rejects.toThrow("'blob_1' was replaced");
    const seam = await store.readRange('blob_1', 8 * MIB - 5, 10);
    expect(replaced.subarray(8 * MIB - 5, 8 * MIB + 5).equals(seam)).toBe(true);
  });

  it('gives up when nothing more comes', async () => {
    await putBytes(store, 'blob_1', randomBytes(20 * MIB));
    const stream = await open({ attempts: 1 }).read('blob_1');
    await service.down();
    await expect(buffer(stream)).rejects.toMatchObject(OUTAGE);
    await service.up();
  });
});

describe('outages', () => {
  it.each([500, 503])('passes over three answers with %i', async (status) => {
    service.failNext(status, 3);
    await put(store, 'blob_1', 'abc');
    service.failNext(status, 3);
    expect(await contentOf(store, 'blob_1')).toBe('abc');
    service.failNext(status, 3);
    expect(await store.stat('blob_1')).toEqual({ bytes: 3 });
  });

  it('passes over requests that are never answered', async () => {
    const patient = open({ idleTimeoutMs: 200 });
    service.hangNext(2);
    await put(patient, 'blob_1', 'abc');
    service.hangNext(2);
    expect(await contentOf(patient, 'blob_1')).toBe('abc');
  });

  it.each([
    ['a small', 10],
    ['a large', 20 * MIB],
  ])('refuses %s upload when S3 is down, and shows nothing of it', async (_, bytes) => {
    await service.down();
    const writer = await store.create('blob_1');
    const writing = writer.write(randomBytes(bytes)).then(() => writer.commit());
    await expect(writing).rejects.toMatchObject(OUTAGE);
    await writer.abort();
    await expect(store.read('blob_1')).rejects.toMatchObject(OUTAGE);
    await expect(store.readRange('blob_1', 0, 1)).rejects.toMatchObject(OUTAGE);
    await expect(store.stat('blob_1')).rejects.toMatchObject(OUTAGE);
    await expect(store.delete('blob_1')).rejects.toMatchObject(OUTAGE);
    await expect(keysOf(store)).rejects.toMatchObject(OUTAGE);
    await service.up();
    await expectAbsent(store, 'blob_1');
    await put(store, 'blob_1', 'after the outage');
    expect(await contentOf(store, 'blob_1')).toBe('after the outage');
  });

  it('takes back what a commit left whose answers were all lost', async () => {
    const hasty = open({ attempts: 2 });
    service.loseAnswers(2, 'PUT /millrace/blob_1');
    const writer = await hasty.create('blob_1');
    await writer.write(Buffer.from('abc'));
    await expect(writer.commit()).rejects.toMatchObject(OUTAGE);
    expect(await keysOf(store)).toEqual(['blob_1']);
    await writer.abort();
    await expectAbsent(store, 'blob_1');
  });

  it('knows its own blob when the answer to the last step of an upload is lost', async () => {
    const bytes = randomBytes(9 * MIB);
    service.loseAnswers(1, 'POST /millrace/blob_1?uploadId');
    await putBytes(store, 'blob_1', bytes);
    await expectBytes(store, 'blob_1', bytes);
  });

  it('says what to do about a wrong key or bucket, once, and blames no blob for it', async () => {
    const wrongKey = open({}, service.url.replace('millrace:', 'somebody:'));
    await expect(put(wrongKey, 'blob_1', 'abc')).rejects.toMatchObject(OUTAGE);
    await expect(wrongKey.stat('blob_1')).rejects.toMatchObject(OUTAGE);
    expect(log.onRefused.mock.calls.map(([, fix]) => fix)).toContainEqual(
      expect.stringContaining('key and the secret'),
    );
    log.onRefused.mockClear();
    const wrongBucket = open({}, service.url.replace(/millrace$/, 'elsewhere'));
    await expect(wrongBucket.stat('blob_1')).rejects.toMatchObject(OUTAGE);
    await expect(wrongBucket.readRange('blob_1', 0, 1)).rejects.toMatchObject(OUTAGE);
    expect(log.onRefused.mock.calls).toEqual([[expect.any(Error), expect.stringContaining('make the bucket')]]);
  });
});

describe('uploads', () => {
  it('puts what fits into one part in one request, and all else in parts', async () => {
    await putBytes(store, 'blob_1', randomBytes(8 * MIB));
    expect(service.requests('POST')).toEqual([]);
    await putBytes(store, 'blob_2', randomBytes(8 * MIB + 1));
    expect(service.requests('PUT /millrace/blob_2')).toHaveLength(2);
    expect(await unfinished()).toBe(0);
  });

  it('leaves no unfinished upload behind an abort or a failed part', async () => {
    const aborted = await store.create('blob_1');
    await aborted.write(randomBytes(20 * MIB));
    expect(await unfinished()).toBe(1);
    await aborted.abort();
    expect(await unfinished()).toBe(0);

    service.failNext(400, 1, 'PUT /millrace/blob_2');
    const failing = await store.create('blob_2');
    const writing = failing.write(randomBytes(40 * MIB)).then(() => failing.commit());
    await expect(writing).rejects.toMatchObject(OUTAGE);
    await failing.abort();
    expect(await unfinished()).toBe(0);
    await expectAbsent(store, 'blob_2');
    expect(log.onLeftBehind).not.toHaveBeenCalled();
  });

  it('are aborted a day after their process died, and not before', async () => {
    const writer = await store.create('blob_1');
    await writer.write(randomBytes(20 * MIB));
    await vi.waitFor(() => expect(service.requests('PUT').length).toBe(2));
    const day = 24 * 3_600_000;
    expect(await open({ clock: { now: () => Date.now() + day - 60_000 } }).abortAbandoned()).toBe(0);
    expect(await unfinished()).toBe(1);
    expect(await open({ clock: { now: () => Date.now() + day + 60_000 } }).abortAbandoned()).toBe(1);
    expect(await unfinished()).toBe(0);
    await expect(writer.commit()).rejects.toMatchObject({ code: 'storage_unavailable' });
    await writer.abort();
    await expectAbsent(store, 'blob_1');
  });

  it('are swept from the start on', async () => {
    await (await store.create('blob_1')).write(randomBytes(20 * MIB));
    await open({ clock: { now: () => Date.now() + 48 * 3_600_000 } }).open();
    await vi.waitFor(async () => expect(await unfinished()).toBe(0), { timeout: 5_000 });
  });
});

describe('requests that are spared', () => {
  it('reads a range once for all who want lines of it, at once or later', async () => {
    const bytes = randomBytes(RANGE_BYTES + MIB);
    await putBytes(store, 'blob_1', bytes);
    const offsets = Array.from({ length: 200 }, (_, at) => at * 10_000);
    const cut = await Promise.all(offsets.map((offset) => store.readRange('blob_1', offset, 1_000)));
    expect(cut.every((piece, at) => piece.equals(bytes.subarray(offsets[at], offsets[at]! + 1_000)))).toBe(true);
    await buffer(await store.read('blob_1', 70_000, 200_000));
    expect(service.requests('GET /millrace/blob_1')).toHaveLength(1);
    await store.readRange('blob_1', RANGE_BYTES - 10, 20);
    expect(service.requests('GET /millrace/blob_1')).toHaveLength(2);
  });

  it('keeps a few ranges of one blob, the last used', async () => {
    await putBytes(store, 'blob_1', randomBytes(4 * RANGE_BYTES));
    for (let at = 0; at < 4; at += 1) {
      await store.readRange('blob_1', at * RANGE_BYTES, 10);
      await store.readRange('blob_1', 0, 10);
    }
    expect(service.requests('GET /millrace/blob_1')).toHaveLength(4);
    await store.readRange('blob_1', RANGE_BYTES, 10); // the one that was used least
    expect(service.requests('GET /millrace/blob_1')).toHaveLength(5);
  });

  it('keeps a bounded number of ranges of all blobs, the last used', async () => {
    for (let at = 0; at < 9; at += 1) await putBytes(store, `blob_${at}`, randomBytes(RANGE_BYTES));
    for (let at = 0; at < 9; at += 1) {
      await store.readRange(`blob_${at}`, 0, 10);
      await store.readRange('blob_0', 0, 10);
    }
    expect(service.requests('GET /millrace/blob_')).toHaveLength(9);
    await store.readRange('blob_1', 0, 10); // the one that was used least
    expect(service.requests('GET /millrace/blob_')).toHaveLength(10);
  });

  it('writes one large blob after the other, and two at once, in the same memory', async () => {
    const contents = [20 * MIB, 8 * MIB, 9 * MIB, 3 * MIB].map((length) => randomBytes(length));
    const write = (at: number) => putBytes(store, `blob_${at}`, contents[at]!);
    await write(0);
    await Promise.all([write(1), write(2)]);
    await write(3);
    for (const [at, bytes] of contents.entries()) await expectBytes(store, `blob_${at}`, bytes);
  });

  it('keeps nothing of a read that failed', async () => {
    await put(store, 'blob_1', 'abc');
    const hasty = open({ attempts: 1 });
    service.failNext(500);
    await expect(hasty.readRange('blob_1', 0, 3)).rejects.toMatchObject(OUTAGE);
    expect((await hasty.readRange('blob_1', 0, 3)).toString()).toBe('abc');
  });
});
