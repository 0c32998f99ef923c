import { request } from 'node:http';
import { NotFoundError, PermissionDeniedError } from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CreatedKey } from '../../src/modules/access/keys.service.js';
import { makeKeys, withKeys } from '../support/keys.js';
import { TestServer } from '../support/server.js';
import { errorOf, jsonl } from '../support/uploads.js';

describe('keys of tenants', () => {
  let server: TestServer;
  let keys: CreatedKey[];

  beforeAll(async () => {
    server = await TestServer.start();
    await server.stop();
    const acme = { tenantName: 'acme', expiresAt: null };
    keys = await makeKeys(server.place, [
      { ...acme, name: 'files', scopes: ['files'] },
      { ...acme, name: 'more files', scopes: ['files', 'batches'] },
      { ...acme, name: 'metrics', scopes: ['metrics'] },
      { ...acme, name: 'revoked', scopes: ['files'] },
      { ...acme, name: 'expired', scopes: ['files'], expiresAt: Date.now() - 1 },
      { ...acme, tenantName: 'other', name: 'files', scopes: ['files'] },
    ]);
    await withKeys(server.place, (service) => service.revoke(keys[3]!.key.id, 'test'));
    await server.restart();
  });

  afterAll(() => server.close());

  const as = (index: number) => server.openaiAs(keys[index]!.token);
  const get = (path: string, index: number) =>
    server.fetch(path, { headers: { authorization: `Bearer ${keys[index]!.token}` } });

  it('share the files of their tenant', async () => {
    const { id } = await as(0).files.create({ file: await jsonl(), purpose: 'batch' });
    expect(await as(1).files.retrieve(id)).toMatchObject({ id });
    expect((await as(1).files.list()).data).toMatchObject([{ id }]);
  });

  it('see nothing of other tenants, nor does the admin of the default one', async () => {
    const { id } = await as(0).files.create({ file: await jsonl(), purpose: 'batch' });
    for (const client of [as(5), server.openai]) {
      for (const act of ['retrieve', 'content', 'delete'] as const) {
        expect(await client.files[act](id).catch((error: unknown) => error)).toBeInstanceOf(NotFoundError);
      }
      expect((await client.files.list()).data).toEqual([]);
      const page = await client.files.list({ after: id }).catch((error: unknown) => error);
      expect(page).toBeInstanceOf(NotFoundError);
    }
    expect(await as(0).files.retrieve(id)).toMatchObject({ id });
  });

  it('may do what their scopes say and nothing else', async () => {
    expect((await get('/metrics', 2)).status).toBe(200);
    const response = await get('/metrics', 0);
    expect(response.status).toBe(403);
    expect(await errorOf(response)).toEqual({
      message: 'You have insufficient permissions for this operation. Missing scopes: metrics.',
      type: 'invalid_request_error',
      param: null,
      code: 'missing_scope',
    });
    expect(
      await as(2)
        .files.list()
        .catch((error: unknown) => error),
    ).toBeInstanceOf(PermissionDeniedError);
  });

  it('are refused once revoked or expired, like a wrong one', async () => {
    for (const index of [3, 4]) {
      const response = await get('/v1/files', index);
      expect([response.status, await errorOf(response)]).toMatchObject([401, { code: 'invalid_api_key' }]);
    }
    const { token } = keys[0]!;
    const changed = token.slice(0, -1) + (token.endsWith('0') ? '1' : '0');
    const response = await server.fetch('/v1/files', { headers: { authorization: `Bearer ${changed}` } });
    expect(response.status).toBe(401);
  });

  it('are in no log', async () => {
    await get('/v1/files', 3);
    const log = JSON.stringify(server.logs);
    for (const secret of [server.adminKey, ...keys.map(({ token }) => token)]) expect(log).not.toContain(secret);
  });
});

describe('an admin key from the configuration', () => {
  it('is the one that counts', async () => {
    const server = await TestServer.start({ MILLRACE_ADMIN_KEY: 'a-key-of-my-own-choosing' });
    try {
      expect((await server.openaiAs('a-key-of-my-own-choosing').files.list()).data).toEqual([]);
      expect(
        (await server.fetch('/v1/files', { headers: { authorization: 'Bearer a-key-of-my-own-choosinG' } })).status,
      ).toBe(401);
    } finally {
      await server.close();
    }
  });
});

describe('without keys', () => {
  let server: TestServer;

  beforeAll(async () => {
    server = await TestServer.start({ MILLRACE_AUTH: 'off' });
  });
  afterAll(() => server.close());

  /** With any headers, `Host` included, which `fetch` does not allow. */
  function statusOf(headers: Record<string, string>, path = '/v1/files'): Promise<number> {
    return new Promise((resolve, reject) => {
      const sent = request(server.url + path, { headers }, (response) => {
        response.resume();
        resolve(response.statusCode!);
      });
      sent.once('error', reject).end();
    });
  }

  it('programs of this machine may do everything', async () => {
    expect(await statusOf({})).toBe(200);
    expect(await statusOf({ authorization: 'Bearer whatever' })).toBe(200);
    expect(await statusOf({}, '/metrics')).toBe(200);
  });

  it.each([
    [{ origin: 'http://localhost:3000' }, 200],
    [{ origin: 'http://127.0.0.1:8080' }, 200],
    [{ origin: 'https://evil.example' }, 403],
    [{ origin: 'http://localhost.evil.example' }, 403],
    [{ origin: 'null' }, 403],
    [{ host: 'localhost' }, 200],
    [{ host: '[::1]:8080' }, 200],
    [{ host: '127.0.0.1.evil.example' }, 403],
    [{ host: 'evil.example:8080' }, 403],
    [{ host: '192.168.0.7' }, 403],
  ])('a page from elsewhere may do nothing: %j → %i', async (headers, status) => {
    expect(await statusOf(headers)).toBe(status);
    expect(await statusOf(headers, '/readyz')).toBe(status);
  });

  it('says why', async () => {
    const response = await server.fetch('/v1/files', { headers: { origin: 'https://evil.example' } });
    expect(await errorOf(response)).toEqual({
      message:
        "The Origin 'https://evil.example' may not call this server: MILLRACE_AUTH is off, so only this machine may.",
      type: 'invalid_request_error',
      param: null,
      code: 'foreign_origin',
    });
  });
});
