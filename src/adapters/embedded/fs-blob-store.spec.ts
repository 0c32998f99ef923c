import { chmod, mkdir, open, readFile, readdir, stat, truncate, writeFile, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi, type MockInstance } from 'vitest';
import { makeTemporaryFolder, type TemporaryFolder } from '../../../test/support/temporary-folder.js';
import { FsBlobStore } from './fs-blob-store.js';

const KEY = 'blob_0198c0ffee';
const MIB = 1024 * 1024;

describe('FsBlobStore', () => {
  let folder: TemporaryFolder;
  let store: FsBlobStore;
  let finalPath: string;

  beforeEach(async () => {
    folder = await makeTemporaryFolder();
    store = new FsBlobStore(folder.path);
    await store.open();
    finalPath = join(folder.path, 'blobs', 'e', 'e', KEY);
  });

  afterEach(async () => {
    vi.restoreAllMocks();
    await store.close();
    await folder.remove();
  });

  const put = async (text: string, key = KEY): Promise<void> => {
    const writer = await store.create(key);
    await writer.write(Buffer.from(text));
    await writer.commit();
  };
  const unfinished = () => readdir(join(folder.path, 'tmp'));

  describe('the folder', () => {
    it('has a blob under its last two characters, and nothing else', async () => {
      await put('abc');
      expect(await readFile(finalPath, 'utf8')).toBe('abc');
      expect(await unfinished()).toEqual([]);
    });

    it('has an unfinished blob under tmp', async () => {
      const writer = await store.create(KEY);
      expect(await unfinished()).toHaveLength(1);
      await writer.abort();
      expect(await unfinished()).toEqual([]);
    });

    it('is open to its owner only, whatever it was before', async () => {
      for (const name of ['blobs', 'tmp']) await chmod(join(folder.path, name), 0o755);
      await store.open();
      await put('abc');
      const writer = await store.create('blob_2');
      const folders = ['blobs', 'blobs/e', 'blobs/e/e', 'tmp'].map((name) => join(folder.path, name));
      for (const path of folders) expect((await stat(path)).mode & 0o777).toBe(0o700);
      expect((await stat(finalPath)).mode & 0o777).toBe(0o600);
      const [temporary] = await unfinished();
      expect((await stat(join(folder.path, 'tmp', temporary!))).mode & 0o777).toBe(0o600);
      await writer.abort();
    });

    it('is rid of what a dead process left in tmp when it is opened', async () => {
      await put('abc');
      await writeFile(join(folder.path, 'tmp', 'blob_half.1'), 'half');
      await mkdir(join(folder.path, 'tmp', 'some', 'folder'), { recursive: true });
      await new FsBlobStore(folder.path).open();
      expect(await unfinished()).toEqual([]);
      expect(await readFile(finalPath, 'utf8')).toBe('abc');
    });

    it('may hold files of others, which are no blobs', async () => {
      await put('abc');
      for (const path of [dirname(finalPath), join(folder.path, 'blobs'), join(folder.path, 'blobs', 'e')]) {
        await writeFile(join(path, '.DS_Store'), '');
      }
      const keys = [];
      for await (const { key } of store.keys()) keys.push(key);
      expect(keys).toEqual([KEY]);
    });

    it('says how much room its disk has', async () => {
      expect(await store.freeBytes()).toBeGreaterThan(0);
    });
  });

  describe('writing', () => {
    it('gathers small chunks', async () => {
      const write = spyOnFiles(await fileHandlePrototype(folder.path), 'write');
      const writer = await store.create(KEY);
      for (let at = 0; at < 10_000; at += 1) await writer.write(Buffer.alloc(100, at % 256));
      await writer.commit();
      const sizes = write.mock.calls.map(([, , length]) => length as number);
      expect(sizes.reduce((sum, size) => sum + size)).toBe(1_000_000);
      for (const size of sizes.slice(0, -1)) expect(size).toBeGreaterThanOrEqual(64 * 1024);
    });

    it('holds no more than one of its own writes in memory', async () => {
      const writer = await store.create(KEY);
      const chunk = Buffer.alloc(MIB / 8, 'x');
      const before = process.memoryUsage().arrayBuffers;
      let most = 0;
      for (let at = 0; at < 400; at += 1) {
        await writer.write(chunk);
        most = Math.max(most, process.memoryUsage().arrayBuffers - before);
      }
      await writer.commit();
      expect((await stat(finalPath)).size).toBe(400 * chunk.length);
      expect(most).toBeLessThan(MIB);
    });

    it('goes on where the disk took only a part', async () => {
      const prototype = await fileHandlePrototype(folder.path);
      const { write } = prototype as unknown as Record<'write', AnyMethod>;
      spyOnFiles(prototype, 'write').mockImplementation(function (this: FileHandle, bytes, from, length) {
        return write.call(this, bytes, from, Math.min(length as number, 1_000));
      });
      await put('0123456789'.repeat(1_000));
      expect(await readFile(finalPath, 'utf8')).toBe('0123456789'.repeat(1_000));
    });

    it('syncs the bytes before the blob is visible, and its name and folders before it is committed', async () => {
      const prototype = await fileHandlePrototype(folder.path);
      const isVisible = () => stat(finalPath).then(() => 'visible', () => 'invisible'); // prettier-ignore
      const events: string[] = [];
      spyOnFiles(prototype, 'datasync').mockImplementation(async () => void events.push(`bytes ${await isVisible()}`));
      spyOnFiles(prototype, 'sync').mockImplementation(async () => void events.push(`folder ${await isVisible()}`));
      await put('abc');
      expect(events).toEqual(['bytes invisible', 'folder invisible', 'folder invisible', 'folder visible']);
      events.length = 0;
      await put('abc again');
      expect(events.map((event) => event.split(' ')[0])).toEqual(['bytes', 'folder']);
    });
  });

  describe('a failing disk', () => {
    it.each(['ENOSPC', 'EDQUOT'])('that is full (%s) is insufficient_storage', async (code) => {
      const write = spyOnFiles(await fileHandlePrototype(folder.path), 'write').mockRejectedValue(diskError(code));
      const writer = await store.create(KEY);
      await expect(writer.write(Buffer.alloc(MIB))).rejects.toMatchObject({
        code: 'insufficient_storage',
        status: 507,
      });
      write.mockRestore();
      await expect(writer.write(Buffer.from('more'))).rejects.toMatchObject({ code: 'insufficient_storage' });
      await expect(writer.commit()).rejects.toMatchObject({ code: 'insufficient_storage' });
      await writer.abort();
      expect(await unfinished()).toEqual([]);
      expect(await store.stat(KEY)).toBeNull();
    });

    it('that fills up at the commit says so, and an abort clears up', async () => {
      const writer = await store.create(KEY);
      await writer.write(Buffer.from('small enough to be gathered'));
      spyOnFiles(await fileHandlePrototype(folder.path), 'write').mockRejectedValue(diskError('ENOSPC'));
      await expect(writer.commit()).rejects.toMatchObject({ code: 'insufficient_storage' });
      await writer.abort();
      expect(await unfinished()).toEqual([]);
    });

    it('that cannot sync fails the commit', async () => {
      const prototype = await fileHandlePrototype(folder.path);
      const datasync = spyOnFiles(prototype, 'datasync').mockRejectedValue(diskError('EDQUOT'));
      const first = await store.create(KEY);
      await expect(first.commit()).rejects.toMatchObject({ code: 'insufficient_storage' });
      await first.abort();
      datasync.mockRestore();

      spyOnFiles(prototype, 'sync').mockRejectedValue(diskError('EIO'));
      const second = await store.create(KEY);
      await expect(second.commit()).rejects.toMatchObject({ code: 'EIO' });
      await second.abort();
      expect(await store.stat(KEY)).toBeNull();
      expect(await unfinished()).toEqual([]);

      vi.restoreAllMocks();
      await put('well again');
      expect(await readFile(finalPath, 'utf8')).toBe('well again');
    });

    it('leaves no blob whose name could not be made durable', async () => {
      await put('so that the folders are there', 'blob_other_ee');
      spyOnFiles(await fileHandlePrototype(folder.path), 'sync').mockRejectedValue(diskError('EIO'));
      const writer = await store.create(KEY);
      await expect(writer.commit()).rejects.toMatchObject({ code: 'EIO' });
      await writer.abort();
      expect(await store.stat(KEY)).toBeNull();
    });

    it('with any other trouble says what it is', async () => {
      spyOnFiles(await fileHandlePrototype(folder.path), 'write').mockRejectedValue(diskError('EIO'));
      const writer = await store.create(KEY);
      await expect(writer.write(Buffer.alloc(MIB))).rejects.toMatchObject({ code: 'EIO' });
      await writer.abort();
    });

    it('that lost the end of a blob does not pass for a short range', async () => {
      await put('0123456789');
      expect((await store.readRange(KEY, 0, 10)).toString()).toBe('0123456789');
      await truncate(finalPath, 4);
      await expect(store.readRange(KEY, 0, 10)).rejects.toThrow('damaged');
    });
  });

  it('aborts unfinished writers when it closes', async () => {
    const writers = [await store.create('blob_1'), await store.create('blob_2')];
    await writers[0]!.write(Buffer.from('abc'));
    await store.close();
    expect(await unfinished()).toEqual([]);
    for (const writer of writers) await expect(writer.commit()).rejects.toThrow('aborted');
  });
});

type AnyMethod = (this: FileHandle, ...args: unknown[]) => unknown;

/** Node has no name for the class of its file handles. */
async function fileHandlePrototype(path: string): Promise<FileHandle> {
  const handle = await open(path, 'r');
  await handle.close();
  return Object.getPrototypeOf(handle) as FileHandle;
}

function spyOnFiles(prototype: FileHandle, method: 'write' | 'datasync' | 'sync'): MockInstance<AnyMethod> {
  return vi.spyOn(prototype as unknown as Record<string, AnyMethod>, method);
}

function diskError(code: string): Error {
  return Object.assign(new Error(`${code}: some trouble`), { code });
}
