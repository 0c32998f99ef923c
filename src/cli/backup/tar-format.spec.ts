import { execFileSync } from 'node:child_process';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { makeTemporaryFolder } from '../../../test/support/temporary-folder.js';
import { createArchive } from './archive-writers.js';
import { readArchive } from './archive-readers.js';
import { BLOCK, readTarHeader, tarHeader } from './tar-format.js';

async function* bytes(text: string): AsyncGenerator<Buffer> {
  yield Buffer.from(text.slice(0, 3));
  yield Buffer.from(text.slice(3));
}

describe('a tar header', () => {
  it.each([0, 1, 511, 512, 8 ** 11 - 1, 8 ** 11, 2 ** 50])('comes back as it was, with %i bytes', (size) => {
    expect(readTarHeader(tarHeader({ path: 'blobs/x', bytes: size }))).toEqual({ path: 'blobs/x', bytes: size });
  });

  it('is told from damage and from the end', () => {
    const block = tarHeader({ path: 'x', bytes: 5 });
    block[3]! ^= 1;
    expect(() => readTarHeader(block)).toThrow('damaged');
    expect(readTarHeader(Buffer.alloc(BLOCK))).toBeNull();
    expect(() => tarHeader({ path: 'x'.repeat(101), bytes: 1 })).toThrow('too long');
  });
});

describe('a tar archive', () => {
  it('can be read by any tar, and by us', async () => {
    const folder = await makeTemporaryFolder();
    const path = join(folder.path, 'a.tar');
    const files = { one: 'a', 'blobs/two': 'b'.repeat(512), three: 'c'.repeat(1_300), empty: '' };
    const archive = await createArchive(path);
    for (const [name, text] of Object.entries(files)) await archive.add(name, text.length, bytes(text));
    await archive.finish();
    expect(statSync(path).size % BLOCK).toBe(0);
    execFileSync('tar', ['xf', path, '-C', folder.path]);
    for (const [name, text] of Object.entries(files)) expect(readFileSync(join(folder.path, name), 'utf8')).toBe(text);
    const seen: Record<string, string> = {};
    for await (const file of readArchive(path)) {
      seen[file.path] = '';
      for await (const chunk of file.content) seen[file.path] += chunk.toString();
    }
    expect(seen).toEqual(files);
    writeFileSync(path, readFileSync(path).subarray(0, 2_000));
    const readOn = async () => {
      for await (const file of readArchive(path)) for await (const _ of file.content);
    };
    await expect(readOn()).rejects.toThrow('too soon');
    await folder.remove();
  });

  it('refuses a file that is not as long as was said', async () => {
    const folder = await makeTemporaryFolder();
    const archive = await createArchive(join(folder.path, 'a.tar'));
    await expect(archive.add('x', 9, bytes('12345'))).rejects.toThrow('5 bytes instead of 9');
    await archive.abort();
    await folder.remove();
  });
});
