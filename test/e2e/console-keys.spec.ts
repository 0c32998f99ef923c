/** Keys and tenants as operators make them: what a key may do, until when, and what takes its place. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SCOPES, type Scope } from '../../src/modules/access/scopes.js';
import { ConsoleClient, type Json } from '../support/console.js';
import { TestServer } from '../support/server.js';
import { jsonl } from '../support/uploads.js';
import { until } from '../support/until.js';

const NOBODY = 'key_0198f3a2c4d57b1e8a3f5c6d7e8f9a0b';

let server: TestServer;
let admin: ConsoleClient;

beforeAll(async () => {
  server = await TestServer.start();
  admin = new ConsoleClient(server);
});

afterAll(() => server.close());

async function statusOf(token: string, path: string, method = 'GET'): Promise<number> {
  const response = await server.fetch(path, { method, headers: { authorization: `Bearer ${token}` } });
  await response.arrayBuffer();
  return response.status;
}

const files = (token: string) => statusOf(token, '/v1/files');
const nowSeconds = () => Math.floor(Date.now() / 1000);

describe('a key', () => {
  it('is shown once, works at once, and makes its tenant', async () => {
    const body = { name: 'nightly', tenant: 'acme', scopes: ['files', 'batches'], expires_at: nowSeconds() + 1_000 };
    const { token, ...key } = await admin.post('keys', body);
    expect(token).toMatch(/^mr_[0-9a-f]{32}_[0-9a-f]{56}$/);
    expect(key).toEqual({
      object: 'key',
      id: expect.stringMatching(/^key_[0-9a-f]{32}$/),
      ...body,
      last4: token.slice(-4),
      created_at: expect.any(Number),
      revoked_at: null,
    });
    expect(await files(token)).toBe(200);
    expect((await admin.get('keys')).data).toEqual([key]);
    const tenants = (await admin.get('tenants')).data.map(({ name }: { name: string }) => name);
    expect(tenants).toEqual(['default', 'acme']);
  });

  it('belongs to the default tenant unless it says otherwise', async () => {
    const { token, tenant } = await admin.post('keys', { name: 'x', scopes: ['files'] });
    expect(tenant).toBe('default');
    const { id } = await server.openai.files.create({ file: await jsonl(), purpose: 'batch' });
    expect(await server.openaiAs(token).files.retrieve(id)).toMatchObject({ id });
  });

  it('has each scope once', async () => {
    const twice = { name: 'x', scopes: ['files', 'files'] };
    expect((await admin.refused('POST', 'keys', twice)).slice(0, 3)).toEqual([400, 'invalid_value', 'scopes.1']);
  });

  it.each([
    [{ scopes: ['files'] }, 'missing_required_parameter', 'name'],
    [{ name: 'x' }, 'missing_required_parameter', 'scopes'],
    [{ name: '', scopes: ['files'] }, 'invalid_value', 'name'],
    [{ name: 'x'.repeat(101), scopes: ['files'] }, 'invalid_value', 'name'],
    [{ name: 'x', scopes: [] }, 'invalid_value', 'scopes'],
    [{ name: 'x', scopes: 'files' }, 'invalid_type', 'scopes'],
    [{ name: 'x', scopes: ['root'] }, 'invalid_value', 'scopes.0'],
    [{ name: 'x', scopes: ['files'], tenant: 'a b' }, 'invalid_value', 'tenant'],
    [{ name: 'x', scopes: ['files'], expires_at: 1 }, 'invalid_value', 'expires_at'],
    [{ name: 'x', scopes: ['files'], expires_at: Date.now() * 1_000 }, 'integer_above_max_value', 'expires_at'],
    [{ name: 'x', scopes: ['files'], expires_at: '2030-01-01' }, 'invalid_type', 'expires_at'],
    [{ name: 'x', scopes: ['files'], expires_in: 60 }, 'unknown_parameter', 'expires_in'],
  ])('is refused with %j', async (body, code, param) => {
    expect((await admin.refused('POST', 'keys', body)).slice(0, 3)).toEqual([400, code, param]);
  });

  it('is not made of more than settings can be', async () => {
    const text = 'The request body is too large: it may have 256KiB at most, for settings.';
    const body = { name: 'x'.repeat(300_000), scopes: ['files'] };
    expect(await admin.refused('POST', 'keys', body)).toEqual([413, null, null, text]);
  });

  it('does what its scopes say and nothing else', async () => {
    const asked: Partial<Record<Scope, [path: string, method: string]>> = {
      files: ['/v1/files', 'GET'],
      batches: ['/v1/batches', 'GET'],
      metrics: ['/metrics', 'GET'],
      admin: ['/v1/console/queues', 'GET'],
    };
    for (const scope of SCOPES) {
      const { token } = await admin.post('keys', { name: scope, tenant: 'matrix', scopes: [scope] });
      for (const [needed, [path, method]] of Object.entries(asked)) {
        expect([scope, path, await statusOf(token, path, method)]).toEqual([scope, path, scope === needed ? 200 : 403]);
      }
    }
  });

  it.each([
    ['GET', 'upstreams'],
    ['POST', 'upstreams'],
    ['GET', 'upstreams/default'],
    ['PATCH', 'upstreams/default'],
    ['DELETE', 'upstreams/default'],
    ['POST', 'upstreams/default/test'],
    ['GET', 'queues'],
    ['POST', 'queues'],
    ['GET', 'queues/default'],
    ['PATCH', 'queues/default'],
    ['DELETE', 'queues/default'],
    ['POST', 'queues/default/pause'],
    ['POST', 'queues/default/resume'],
    ['GET', 'keys'],
    ['POST', 'keys'],
    ['DELETE', `keys/${NOBODY}`],
    ['POST', `keys/${NOBODY}/rotate`],
    ['GET', 'tenants'],
    ['PATCH', 'tenants/default'],
    ['GET', 'audit'],
    ['GET', 'stats'],
  ])('without the scope admin is refused by %s %s, and so is none', async (method, path) => {
    const others = SCOPES.filter((scope) => scope !== 'admin');
    const { token } = await admin.post('keys', { name: 'all others', tenant: 'acme', scopes: others });
    const [status, code] = await new ConsoleClient(server, token).refused(method, path);
    expect([status, code]).toEqual([403, 'missing_scope']);
    const nobody = await server.fetch(`/v1/console/${path}`, { method, headers: { authorization: 'Bearer none' } });
    expect([nobody.status, await nobody.text()]).toEqual([401, '']);
  });

  it('of an operator works wherever it belongs', async () => {
    const { token } = await admin.post('keys', { name: 'op', tenant: 'acme', scopes: ['admin'] });
    const operator = new ConsoleClient(server, token);
    expect((await operator.get('queues')).data).toMatchObject([{ name: 'default', tenant: 'default' }]);
  });

  it('stops working when its time is over', async () => {
    const { token } = await admin.post('keys', { name: 'x', scopes: ['files'], expires_at: nowSeconds() + 2 });
    expect(await files(token)).toBe(200);
    await until(
      () => files(token),
      (status) => status === 401,
    );
  });
});

describe('a key that is revoked', () => {
  it('is refused at once, and stays in the list', async () => {
    const { token, id } = await admin.post('keys', { name: 'x', scopes: ['files'] });
    expect(await files(token)).toBe(200);
    const revoked = await admin.delete(`keys/${id}`);
    expect(revoked).toMatchObject({ id, revoked_at: expect.any(Number) });
    expect(await files(token)).toBe(401);
    expect(await admin.delete(`keys/${id}`)).toEqual(revoked);
    expect((await admin.get('keys?limit=1')).data).toEqual([revoked]);
  });

  it('must be there', async () => {
    const text = `No key has the id '${NOBODY}'.`;
    expect(await admin.refused('DELETE', `keys/${NOBODY}`)).toEqual([404, null, null, text]);
  });
});

describe('a key that is rotated', () => {
  const made = (over: object = {}) =>
    admin.post('keys', {
      name: 'turning',
      tenant: 'acme',
      scopes: ['files'],
      expires_at: nowSeconds() + 9_000,
      ...over,
    });

  it('is replaced at once by one that may do the same', async () => {
    const { token, ...old } = await made();
    const { token: newToken, ...next } = await admin.post(`keys/${old.id}/rotate`);
    expect(next).toMatchObject({ name: 'turning', tenant: 'acme', scopes: ['files'], expires_at: old.expires_at });
    expect(next.id).not.toBe(old.id);
    expect([await files(token), await files(newToken)]).toEqual([401, 200]);
  });

  it('works for as long as asked beside the new one, and no longer', async () => {
    const { token, id } = await made();
    const { token: newToken } = await admin.post(`keys/${id}/rotate`, { overlap_seconds: 2 });
    expect([await files(token), await files(newToken)]).toEqual([200, 200]);
    await until(
      () => files(token),
      (status) => status === 401,
    );
    expect(await files(newToken)).toBe(200);
  });

  it('does not live longer for it', async () => {
    const { id, expires_at: expiresAt } = await made({ expires_at: nowSeconds() + 100 });
    await admin.post(`keys/${id}/rotate`, { overlap_seconds: 86_400 });
    const old = (await admin.get('keys')).data.find((key: Json) => key.id === id);
    expect(old).toMatchObject({ expires_at: expiresAt, revoked_at: null });
  });

  it.each([
    [{ overlap_seconds: -1 }, 'integer_below_min_value', 'overlap_seconds'],
    [{ overlap_seconds: 86_401 }, 'integer_above_max_value', 'overlap_seconds'],
    [{ overlap_seconds: 1.5 }, 'invalid_type', 'overlap_seconds'],
    [{ overlap: 1 }, 'unknown_parameter', 'overlap'],
  ])('is not for %j', async (body, code, param) => {
    const { token, id } = await made();
    expect((await admin.refused('POST', `keys/${id}/rotate`, body)).slice(0, 3)).toEqual([400, code, param]);
    expect(await files(token)).toBe(200);
  });

  it('must be there and work', async () => {
    const { id } = await made();
    await admin.delete(`keys/${id}`);
    const text = `The key '${id}' was revoked. Make a new key instead.`;
    expect(await admin.refused('POST', `keys/${id}/rotate`)).toEqual([409, null, null, text]);
    expect((await admin.refused('POST', `keys/${NOBODY}/rotate`))[0]).toBe(404);
  });
});

describe('a list of keys or tenants', () => {
  it.each(['keys', 'tenants'])('of %s comes in pages', async (what) => {
    const all = (await admin.get(what)).data;
    expect(all.length).toBeGreaterThan(2);
    const pages = [];
    let page = await admin.get(`${what}?limit=2`);
    for (pages.push(...page.data); page.has_more; pages.push(...page.data)) {
      page = await admin.get(`${what}?limit=2&after=${page.last_id}`);
    }
    expect(pages).toEqual(all);
    expect(JSON.stringify(all)).not.toContain('hash');
  });

  it.each([
    ['keys?limit=0', 400, 'integer_below_min_value', 'limit'],
    ['keys?limit=1001', 400, 'integer_above_max_value', 'limit'],
    ['keys?limit=many', 400, 'invalid_type', 'limit'],
    [`keys?after=${NOBODY}`, 404, null, 'after'],
    ['tenants?limit=101', 400, 'integer_above_max_value', 'limit'],
    ['tenants?after=acme', 404, null, 'after'],
  ])('is refused for %s', async (path, status, code, param) => {
    expect((await admin.refused('GET', path)).slice(0, 3)).toEqual([status, code, param]);
  });
});
