import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { makeTemporaryFolder, type TemporaryFolder } from '../../../test/support/temporary-folder.js';
import { cleanUrl, findServer } from './server-address.js';

describe('which server, and with which key', () => {
  let folder: TemporaryFolder;

  beforeEach(async () => {
    folder = await makeTemporaryFolder();
    vi.stubEnv('MILLRACE_DATA_DIR', folder.path);
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    await folder.remove();
  });

  it('is the one of the settings, with the admin key of its folder', async () => {
    vi.stubEnv('MILLRACE_HOST', '0.0.0.0');
    vi.stubEnv('MILLRACE_PORT', '9000');
    expect(await findServer({})).toEqual({ url: 'http://127.0.0.1:9000', key: null });
    writeFileSync(join(folder.path, 'admin.key'), 'mr_key\n');
    expect(await findServer({})).toEqual({ url: 'http://127.0.0.1:9000', key: 'mr_key' });
  });

  it('never sends the admin key to another machine', async () => {
    writeFileSync(join(folder.path, 'admin.key'), 'mr_key\n');
    expect((await findServer({ url: 'http://localhost:1' })).key).toBe('mr_key');
    expect((await findServer({ url: 'http://[::1]:1' })).key).toBe('mr_key');
    expect((await findServer({ url: 'https://example.com' })).key).toBeNull();
    expect((await findServer({ url: 'https://127.example.com' })).key).toBeNull();
    expect((await findServer({ url: 'https://example.com', key: 'mine' })).key).toBe('mine');
  });

  it('is asked for when the settings do not tell', async () => {
    vi.stubEnv('MILLRACE_PORT', '0');
    await expect(findServer({})).rejects.toThrow('--url');
  });

  it('may be written as for other clients', () => {
    expect(cleanUrl('http://x:1/v1/')).toBe('http://x:1');
    expect(cleanUrl('https://x/mill/v1')).toBe('https://x/mill');
    expect(() => cleanUrl('x:1')).toThrow('--url');
  });
});
