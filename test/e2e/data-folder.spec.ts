/** What an embedded server makes of its data folder. */
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestServer } from '../support/server.js';
import { errorOf, filePart, jsonl, LINE, postForm, textPart } from '../support/uploads.js';

let server: TestServer;

beforeAll(async () => {
  server = await TestServer.start();
});
afterAll(() => server.close());

describe('a data folder', () => {
  it('keeps the admin key, of which the log tells where it is and never what it is', async () => {
    const key = (await readFile(`${server.dataDir}/admin.key`, 'utf8')).trim();
    expect(key).toMatch(/^mr_[0-9a-f]{32}_[0-9a-f]{56}$/);
    expect(JSON.stringify(server.logs)).toContain(`${server.dataDir}/admin.key`);
    expect(JSON.stringify(server.logs)).not.toContain(key);
  });

  it('cannot be looked at by others: it is its owner’s', async () => {
    expect((await stat(server.dataDir)).mode & 0o777).toBe(0o700);
    for (const name of ['admin.key', 'secret.key']) {
      expect((await stat(join(server.dataDir, name))).mode & 0o777).toBe(0o600);
    }
  });

  it('is not shared with a second server', async () => {
    const second = server.launch();
    expect(await second.ended).toEqual({ code: 1, signal: null });
    expect(second.lines.at(-1)).toContain('another Millrace server is running on the folder');
    expect((await server.fetch('/livez')).status).toBe(200);
  });

  it('on a disk that is nearly full takes no uploads: 507, and clients are told not to try again', async () => {
    await server.openai.files.create({ file: await jsonl(), purpose: 'batch' });
    await server.stop();
    await server.restart({ MILLRACE_MIN_FREE_DISK: '1TiB' });
    const response = await postForm(server, [textPart('purpose', 'batch'), filePart(LINE)]);
    expect(response.status).toBe(507);
    expect(response.headers.get('x-should-retry')).toBe('false');
    expect(await errorOf(response)).toMatchObject({ type: 'server_error', code: 'insufficient_storage' });
    expect((await server.openai.files.list()).data).not.toHaveLength(0);
  });
});
