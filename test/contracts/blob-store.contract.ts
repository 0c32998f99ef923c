import { createHash } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { BlobStore } from '../../src/ports/blob-store.js';
import {
  contentOf,
  expectAbsent,
  expectBytes,
  filledChunk,
  keysOf,
  put,
  putBytes,
  rangeOf,
  textOf,
} from '../support/blobs.js';

export interface BlobStoreSubject {
  /** Empty at the start of a test. */
  store: BlobStore;
  /** What a new process finds when this one was killed: the same blobs, nothing closed before. */
  reopen(): Promise<BlobStore>;
  dispose(): Promise<void>;
}

const MIB = 1024 * 1024;
const BAD_KEYS = [
  '',
  '.',
  '..',
  '../up',
  'a/b',
  '/etc',
  'a\\b',
  'a.b',
  'a b',
  'a\0b',
  'ä',
  'a\n',
  '%2e%2e',
  'x'.repeat(300),
];

/** What every blob store promises; see `src/ports/blob-store.ts`. */
export function exerciseBlobStore(makeSubject: () => Promise<BlobStoreSubject>): void {
  const fixture = {} as Fixture;

  beforeEach(async () => {
    fixture.subject = await makeSubject();
    fixture.store = fixture.subject.store;
  });
  afterEach(() => fixture.subject.dispose());

  describe('visibility', () => exerciseVisibility(fixture));
  describe('writing', () => exerciseWriting(fixture));
  describe('reading', () => exerciseReading(fixture));
  describe('deleting', () => exerciseDeleting(fixture));
  describe('keys', () => exerciseKeys(fixture));
}

interface Fixture {
  subject: BlobStoreSubject;
  store: BlobStore;
}

function exerciseVisibility(fixture: Fixture): void {
  it('shows nothing before the commit, and all after it', async () => {
    const writer = await fixture.store.create('blob_1');
    await writer.write(Buffer.alloc(MIB, 'a'));
    await expectAbsent(fixture.store, 'blob_1');
    await writer.commit();
    expect(await fixture.store.stat('blob_1')).toEqual({ bytes: MIB });
    expect(await keysOf(fixture.store)).toEqual(['blob_1']);
  });

  it('leaves nothing after an abort', async () => {
    const writer = await fixture.store.create('blob_1');
    await writer.write(Buffer.alloc(MIB, 'a'));
    await writer.abort();
    await expectAbsent(fixture.store, 'blob_1');
  });

  it('commits once, however often it is asked to', async () => {
    const writer = await fixture.store.create('blob_1');
    await writer.write(Buffer.from('abc'));
    await Promise.all([writer.commit(), writer.commit()]);
    await writer.commit();
    expect(await contentOf(fixture.store, 'blob_1')).toBe('abc');
  });

  it('lets the first of commit and abort win', async () => {
    const committed = await fixture.store.create('blob_1');
    await committed.write(Buffer.from('abc'));
    await Promise.all([committed.commit(), committed.abort()]);
    await committed.abort();
    expect(await contentOf(fixture.store, 'blob_1')).toBe('abc');

    const aborted = await fixture.store.create('blob_2');
    await aborted.write(Buffer.from('abc'));
    const aborting = aborted.abort();
    await expect(aborted.commit()).rejects.toThrow('aborted');
    await Promise.all([aborting, aborted.abort()]);
    await aborted.abort();
    await expect(aborted.commit()).rejects.toThrow('aborted');
    await expectAbsent(fixture.store, 'blob_2');
  });

  it('takes no writes after the end', async () => {
    const committed = await fixture.store.create('blob_1');
    await committed.commit();
    await expect(committed.write(Buffer.from('late'))).rejects.toThrow('ended');
    const aborted = await fixture.store.create('blob_2');
    await aborted.abort();
    await expect(aborted.write(Buffer.from('late'))).rejects.toThrow('ended');
    expect(await fixture.store.stat('blob_1')).toEqual({ bytes: 0 });
  });

  it('keeps what was committed, and only that, when the process dies', async () => {
    await put(fixture.store, 'blob_whole', 'whole');
    const writer = await fixture.store.create('blob_half');
    await writer.write(Buffer.alloc(MIB, 'a'));

    const reopened = await fixture.subject.reopen();
    expect(await keysOf(reopened)).toEqual(['blob_whole']);
    expect(await contentOf(reopened, 'blob_whole')).toBe('whole');
    await expectAbsent(reopened, 'blob_half');
    await put(reopened, 'blob_half', 'written anew');
    expect(await contentOf(reopened, 'blob_half')).toBe('written anew');
  });

  it('replaces a blob as a whole when its key is committed again', async () => {
    await put(fixture.store, 'blob_1', 'old and longer');
    expect(await rangeOf(fixture.store, 'blob_1', 0, 99)).toBe('old and longer');
    const writer = await fixture.store.create('blob_1');
    await writer.write(Buffer.from('new'));
    expect(await rangeOf(fixture.store, 'blob_1', 0, 99)).toBe('old and longer');
    await writer.commit();
    expect(await rangeOf(fixture.store, 'blob_1', 0, 99)).toBe('new');
    expect(await contentOf(fixture.store, 'blob_1')).toBe('new');
    expect(await keysOf(fixture.store)).toEqual(['blob_1']);
  });
}

function exerciseWriting(fixture: Fixture): void {
  it('keeps an empty blob', async () => {
    await put(fixture.store, 'blob_1', '');
    expect(await fixture.store.stat('blob_1')).toEqual({ bytes: 0 });
    expect(await contentOf(fixture.store, 'blob_1')).toBe('');
    expect(await rangeOf(fixture.store, 'blob_1', 0, 10)).toBe('');
  });

  it('joins chunks of any size in order', async () => {
    const chunks = [1, 0, 100, 300_000, 1, 262_144, 262_143, 1, 262_145, 7, 2 * MIB, 3].map(filledChunk);
    const writer = await fixture.store.create('blob_1');
    for (const chunk of chunks) await writer.write(chunk);
    await writer.commit();
    await expectBytes(fixture.store, 'blob_1', Buffer.concat(chunks));
  });

  it('keeps the order of writes that nobody waited for', async () => {
    const chunks = Array.from({ length: 200 }, (_, at) => filledChunk((at * 7919) % 20_000, at));
    const writer = await fixture.store.create('blob_1');
    const writes = chunks.map((chunk) => writer.write(chunk));
    await writer.commit();
    await Promise.all(writes);
    await expectBytes(fixture.store, 'blob_1', Buffer.concat(chunks));
  });

  it('does not mix blobs that are written at the same time', async () => {
    const keys = Array.from({ length: 20 }, (_, at) => `blob_${at}`);
    const contents = keys.map((key) => `${key} `.repeat(5_000));
    await Promise.all(keys.map((key, at) => put(fixture.store, key, contents[at]!)));
    expect(await Promise.all(keys.map((key) => contentOf(fixture.store, key)))).toEqual(contents);
  });

  it('lets two writers of one key each write a whole blob; the later commit stays', async () => {
    const [first, second] = [await fixture.store.create('blob_1'), await fixture.store.create('blob_1')];
    await Promise.all([first.write(Buffer.from('first')), second.write(Buffer.from('second'))]);
    await second.commit();
    expect(await contentOf(fixture.store, 'blob_1')).toBe('second');
    await first.commit();
    expect(await contentOf(fixture.store, 'blob_1')).toBe('first');
  });

  it('streams a big blob in and out unchanged', async () => {
    const [written, read] = [createHash('sha256'), createHash('sha256')];
    const writer = await fixture.store.create('blob_big');
    for (let at = 0; at < 400; at += 1) {
      const chunk = filledChunk(65_536 + (at % 100), at);
      written.update(chunk);
      await writer.write(chunk);
    }
    await writer.commit();
    let bytes = 0;
    for await (const chunk of await fixture.store.read('blob_big')) {
      read.update(chunk as Buffer);
      bytes += (chunk as Buffer).length;
    }
    expect(await fixture.store.stat('blob_big')).toEqual({ bytes });
    expect(read.digest('hex')).toBe(written.digest('hex'));
  });

  it('says how much space is free, where that means something', async () => {
    const free = await fixture.store.freeBytes();
    expect(free === null || (Number.isFinite(free) && free > 0)).toBe(true);
  });
}

function exerciseReading(fixture: Fixture): void {
  const text = '0123456789';

  it.each<[number, number | undefined, string]>([
    [0, undefined, text],
    [4, undefined, '456789'],
    [0, 10, text],
    [0, 1, '0'],
    [9, 10, '9'],
    [3, 7, '3456'],
    [5, 5, ''],
    [0, 0, ''],
    [10, 10, ''],
    [10, undefined, ''],
    [25, undefined, ''],
    [8, 1_000, '89'],
    [12, 15, ''],
  ])('streams the bytes from %s to %s', async (start, end, expected) => {
    await put(fixture.store, 'blob_1', text);
    expect(await textOf(await fixture.store.read('blob_1', start, end))).toBe(expected);
  });

  it.each([
    [0, 10, text],
    [0, 1, '0'],
    [9, 1, '9'],
    [3, 4, '3456'],
    [5, 0, ''],
    [8, 1_000, '89'],
    [10, 5, ''],
    [99, 5, ''],
  ])('gives the range from %s of %s bytes', async (start, length, expected) => {
    await put(fixture.store, 'blob_1', text);
    expect(await rangeOf(fixture.store, 'blob_1', start, length)).toBe(expected);
  });

  it('gives any range of a longer blob, by either way', async () => {
    const bytes = filledChunk(600_000);
    await putBytes(fixture.store, 'blob_1', bytes);
    const offset = fc.integer({ min: 0, max: bytes.length + 1_000 });
    await fc.assert(
      fc.asyncProperty(offset, offset, async (start, length) => {
        const expected = bytes.subarray(start, start + length);
        expect(expected.equals(await fixture.store.readRange('blob_1', start, length))).toBe(true);
        expect(expected.equals(await buffer(await fixture.store.read('blob_1', start, start + length)))).toBe(true);
      }),
      { numRuns: 30 },
    );
  });

  it('refuses ranges that are none', async () => {
    await put(fixture.store, 'blob_1', text);
    await expect(fixture.store.read('blob_1', -1)).rejects.toThrow(RangeError);
    await expect(fixture.store.read('blob_1', 5, 4)).rejects.toThrow(RangeError);
    await expect(fixture.store.read('blob_1', Number.NaN)).rejects.toThrow(RangeError);
    await expect(fixture.store.readRange('blob_1', -1, 1)).rejects.toThrow(RangeError);
    await expect(fixture.store.readRange('blob_1', 0, -1)).rejects.toThrow(RangeError);
    await expect(fixture.store.readRange('blob_1', 0.5, 1)).rejects.toThrow(RangeError);
  });

  it('says not_found of a blob that is not there, before any byte', async () => {
    await expectAbsent(fixture.store, 'blob_none');
  });

  it('finds a blob that was looked for before it was there', async () => {
    await expectAbsent(fixture.store, 'blob_1');
    await put(fixture.store, 'blob_1', text);
    expect(await rangeOf(fixture.store, 'blob_1', 0, 10)).toBe(text);
  });

  it('serves many ranges of many blobs at the same time', async () => {
    const keys = Array.from({ length: 50 }, (_, at) => `blob_${at}`);
    await Promise.all(keys.map((key) => put(fixture.store, key, `[${key}]`)));
    const asked = Array.from({ length: 600 }, (_, at) => keys[(at * 31) % keys.length]!);
    const ranges = await Promise.all(asked.map((key) => rangeOf(fixture.store, key, 1, key.length)));
    expect(ranges).toEqual(asked);
  });

  it('lets several readers stream one blob', async () => {
    const bytes = filledChunk(2 * MIB);
    await putBytes(fixture.store, 'blob_1', bytes);
    await Promise.all(Array.from({ length: 5 }, () => expectBytes(fixture.store, 'blob_1', bytes)));
  });

  it('takes no harm from a reader that leaves', async () => {
    await putBytes(fixture.store, 'blob_1', filledChunk(2 * MIB));
    for await (const chunk of await fixture.store.read('blob_1')) {
      expect((chunk as Buffer).length).toBeGreaterThan(0);
      break;
    }
    const unread = await fixture.store.read('blob_1');
    unread.destroy();
    await expectBytes(fixture.store, 'blob_1', filledChunk(2 * MIB));
  });
}

function exerciseDeleting(fixture: Fixture): void {
  it('takes a blob away for every way of looking', async () => {
    await put(fixture.store, 'blob_1', 'abc');
    await put(fixture.store, 'blob_2', 'def');
    expect(await rangeOf(fixture.store, 'blob_1', 0, 3)).toBe('abc');
    await fixture.store.delete('blob_1');
    await expectAbsent(fixture.store, 'blob_1');
    expect(await keysOf(fixture.store)).toEqual(['blob_2']);
  });

  it('is content when the blob is gone already', async () => {
    await put(fixture.store, 'blob_1', 'abc');
    await Promise.all([fixture.store.delete('blob_1'), fixture.store.delete('blob_1')]);
    await fixture.store.delete('blob_never');
    await expectAbsent(fixture.store, 'blob_1');
  });

  it('frees the key', async () => {
    await put(fixture.store, 'blob_1', 'abc');
    await fixture.store.delete('blob_1');
    await put(fixture.store, 'blob_1', 'xyz');
    expect(await rangeOf(fixture.store, 'blob_1', 0, 3)).toBe('xyz');
  });

  it('lets a stream that has begun go on to its end', async () => {
    const bytes = filledChunk(4 * MIB);
    await putBytes(fixture.store, 'blob_1', bytes);
    const stream = await fixture.store.read('blob_1');
    const pieces: Buffer[] = [];
    for await (const chunk of stream) {
      if (pieces.length === 0) await fixture.store.delete('blob_1');
      pieces.push(chunk as Buffer);
    }
    expect(Buffer.concat(pieces).equals(bytes)).toBe(true);
    await expectAbsent(fixture.store, 'blob_1');
  });

  it('gives a range that races with it whole or not at all', async () => {
    const bytes = filledChunk(100_000);
    await putBytes(fixture.store, 'blob_1', bytes);
    const ranges = Array.from({ length: 50 }, () => fixture.store.readRange('blob_1', 0, bytes.length));
    const [outcomes] = await Promise.all([Promise.allSettled(ranges), fixture.store.delete('blob_1')]);
    for (const outcome of outcomes) {
      if (outcome.status === 'fulfilled') expect(outcome.value.equals(bytes)).toBe(true);
      else expect(outcome.reason).toMatchObject({ code: 'not_found' });
    }
    await expectAbsent(fixture.store, 'blob_1');
  });

  it('does not disturb a blob of that key that is being written', async () => {
    await put(fixture.store, 'blob_1', 'old');
    const writer = await fixture.store.create('blob_1');
    await writer.write(Buffer.from('new'));
    await fixture.store.delete('blob_1');
    await writer.commit();
    expect(await contentOf(fixture.store, 'blob_1')).toBe('new');
  });
}

function exerciseKeys(fixture: Fixture): void {
  it('are none in an empty store', async () => {
    expect(await keysOf(fixture.store)).toEqual([]);
  });

  it('are those of all finished blobs, with the time they were written', async () => {
    const before = Date.now();
    const keys = Array.from({ length: 300 }, (_, at) => `blob_${at.toString(16).padStart(32, '0')}`);
    for (let at = 0; at < keys.length; at += 50) {
      await Promise.all(keys.slice(at, at + 50).map((key) => put(fixture.store, key, key)));
    }
    const listed = [];
    for await (const found of fixture.store.keys()) listed.push(found);
    expect(listed.map(({ key }) => key).sort()).toEqual(keys);
    // Some stores round to seconds, and their clock is not ours.
    for (const { modifiedAt } of listed) expect(modifiedAt).toBeGreaterThan(before - 60_000);
    expect(listed.every(({ modifiedAt }) => Number.isInteger(modifiedAt))).toBe(true);
  });

  it('may be of any length, letters, digits, - and _', async () => {
    const keys = ['a', '-', '_', 'Z9', '__', '--x', 'file-0aF_', 'x'.repeat(200)];
    for (const key of keys) await put(fixture.store, key, `<${key}>`);
    expect(await keysOf(fixture.store)).toEqual([...keys].sort());
    for (const key of keys) expect(await contentOf(fixture.store, key)).toBe(`<${key}>`);
  });

  it.each(BAD_KEYS)('are never %j', async (key) => {
    await expect(fixture.store.create(key)).rejects.toThrow(TypeError);
    await expect(fixture.store.read(key)).rejects.toThrow(TypeError);
    await expect(fixture.store.readRange(key, 0, 1)).rejects.toThrow(TypeError);
    await expect(fixture.store.stat(key)).rejects.toThrow(TypeError);
    await expect(fixture.store.delete(key)).rejects.toThrow(TypeError);
    expect(await keysOf(fixture.store)).toEqual([]);
  });
}
