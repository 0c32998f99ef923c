import type { FileHandle } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { Gate, settle } from '../../../test/support/inbox.js';
import { OpenBlobs } from './open-blobs.js';

/** Files that only note who opens and closes them. */
class Files {
  readonly opened: string[] = [];
  readonly closed: string[] = [];
  readonly broken = new Set<string>();
  readonly gates = new Map<string, Gate>();

  readonly open = async (key: string): Promise<FileHandle> => {
    this.opened.push(key);
    await this.gates.get(key)?.opened;
    if (this.broken.has(key)) throw new Error(`cannot open ${key}`);
    return {
      stat: async () => ({ size: key.length }),
      close: async () => void this.closed.push(key),
    } as unknown as FileHandle;
  };
}

const nothing = async () => {};

describe('OpenBlobs', () => {
  it('opens a file once for many reads, also for those that come before it is open', async () => {
    const files = new Files();
    const blobs = new OpenBlobs(files.open);
    await Promise.all([blobs.use('a', nothing), blobs.use('a', nothing)]);
    await blobs.use('a', nothing);
    expect(files).toMatchObject({ opened: ['a'], closed: [] });
  });

  it('tells the size', async () => {
    const blobs = new OpenBlobs(new Files().open);
    expect(await blobs.use('abc', async ({ bytes }) => bytes)).toBe(3);
  });

  it('keeps those that were used last', async () => {
    const files = new Files();
    const blobs = new OpenBlobs(files.open, 2);
    for (const key of ['a', 'b', 'a', 'c']) await blobs.use(key, nothing);
    expect(files.closed).toEqual(['b']);
    await blobs.use('a', nothing);
    expect(files.opened).toEqual(['a', 'b', 'c']);
  });

  it.each(['evicted', 'dropped'])('closes a file that is %s only after its last reader', async (kind) => {
    const files = new Files();
    const blobs = new OpenBlobs(files.open, 1);
    const [first, second] = [new Gate(), new Gate()];
    const reads = [blobs.use('a', () => first.opened), blobs.use('a', () => second.opened)];
    await (kind === 'evicted' ? blobs.use('b', nothing) : blobs.drop('a'));
    first.open();
    await reads[0];
    expect(files.closed).toEqual([]);
    second.open();
    await reads[1];
    expect(files.closed).toEqual(['a']);
  });

  it('closes a file that is dropped before it is open', async () => {
    const files = new Files();
    const gate = new Gate();
    files.gates.set('a', gate);
    const blobs = new OpenBlobs(files.open);
    const read = blobs.use('a', nothing);
    await blobs.drop('a');
    gate.open();
    await read;
    expect(files.closed).toEqual(['a']);
  });

  it('opens a dropped one anew', async () => {
    const files = new Files();
    const blobs = new OpenBlobs(files.open);
    await blobs.use('a', nothing);
    await blobs.drop('a');
    await blobs.drop('a');
    await blobs.use('a', nothing);
    expect(files).toMatchObject({ opened: ['a', 'a'], closed: ['a'] });
  });

  it('does not remember a file that could not be opened', async () => {
    const files = new Files();
    const blobs = new OpenBlobs(files.open);
    files.broken.add('a');
    const reads = await Promise.allSettled([blobs.use('a', nothing), blobs.use('a', nothing)]);
    expect(reads.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    files.broken.delete('a');
    await blobs.use('a', nothing);
    expect(files).toMatchObject({ opened: ['a', 'a'], closed: [] });
  });

  it('keeps a file whose reader fails', async () => {
    const files = new Files();
    const blobs = new OpenBlobs(files.open);
    await expect(blobs.use('a', () => Promise.reject(new Error('bad read')))).rejects.toThrow('bad read');
    await blobs.use('a', nothing);
    expect(files).toMatchObject({ opened: ['a'], closed: [] });
  });

  it('closes a file that cannot say its size', async () => {
    let isClosed = false;
    const blobs = new OpenBlobs(
      async () =>
        ({
          stat: () => Promise.reject(new Error('no stat')),
          close: async () => void (isClosed = true),
        }) as unknown as FileHandle,
    );
    await expect(blobs.use('a', nothing)).rejects.toThrow('no stat');
    expect(isClosed).toBe(true);
  });

  it('closes all', async () => {
    const files = new Files();
    const blobs = new OpenBlobs(files.open);
    const gate = new Gate();
    const read = blobs.use('busy', () => gate.opened);
    for (const key of ['a', 'b']) await blobs.use(key, nothing);
    await blobs.close();
    await settle();
    expect(files.closed).toEqual(['a', 'b']);
    gate.open();
    await read;
    expect(files.closed).toEqual(['a', 'b', 'busy']);
  });
});
