/** What people did is written down with what they did it to; secrets are written down nowhere. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { awaited, line, run, start } from '../support/batches.js';
import { ConsoleClient, type Json } from '../support/console.js';
import { ScriptedUpstream } from '../support/scripted-upstream.js';
import { TestServer } from '../support/server.js';
import { jsonl } from '../support/uploads.js';

let server: TestServer;
let admin: ConsoleClient;
let upstream: ScriptedUpstream;

beforeAll(async () => {
  upstream = await ScriptedUpstream.start(() => ({ body: '{}' }));
  server = await TestServer.start({ MILLRACE_LOG_LEVEL: 'trace' });
  admin = new ConsoleClient(server);
});

afterAll(async () => {
  await server.close();
  await upstream.close();
});

/** What has been written down since `work` began, oldest first. */
async function actsOf(work: () => Promise<unknown>): Promise<Json[]> {
  const last = (await admin.get('audit?limit=1')).first_id;
  await work();
  const acts: Json[] = (await admin.get('audit?limit=500')).data;
  const known = acts.findIndex(({ id }) => id === last);
  return acts.slice(0, known < 0 ? acts.length : known).toReversed();
}

const short = ({ actor, action, tenant, detail }: Json) => [actor, action, tenant, detail];

describe('the audit log', () => {
  it('tells who did what to which upstream', async () => {
    const body = { name: 'log', base_url: upstream.url, api_key: 'sk-audit-0123456789' };
    let id = '';
    const acts = await actsOf(async () => {
      ({ id } = await admin.post('upstreams', body));
      await admin.patch('upstreams/log', { concurrency: 3 });
      await admin.patch('upstreams/log', { api_key: 'sk-audit-another-key' });
      await admin.patch('upstreams/log', {});
      await admin.post('upstreams/log/test');
      await admin.delete('upstreams/log');
    });
    const made = { name: 'log', base_url: upstream.url, key_last4: '6789', concurrency: 64, per_minute: null };
    expect(acts.map(short)).toEqual([
      ['admin', 'upstream.create', null, made],
      ['admin', 'upstream.update', null, { name: 'log', concurrency: 3 }],
      ['admin', 'upstream.update', null, { name: 'log', key_last4: '-key' }],
      ['admin', 'upstream.delete', null, { name: 'log' }],
    ]);
    expect(acts.every(({ subject }) => subject === id)).toBe(true);
    expect(acts[0]).toEqual({
      object: 'audit_entry',
      id: expect.stringMatching(/^audit_[0-9a-f]{32}$/),
      actor: 'admin',
      action: 'upstream.create',
      subject: id,
      tenant: null,
      detail: made,
      created_at: expect.any(Number),
    });
  });

  it('tells who did what to which queue', async () => {
    await admin.post('upstreams', { name: 'u', base_url: upstream.url });
    await admin.post('keys', { name: 'k', tenant: 'acme', scopes: ['files'] });
    const acts = await actsOf(async () => {
      await admin.post('queues', { name: 'q', tenant: 'acme', upstream: 'u', models: ['m'] });
      await admin.patch('queues/q', { upstream: null, retry_policy: { max_tries: 2 } });
      await admin.post('queues/q/pause');
      await admin.post('queues/q/pause');
      await admin.post('queues/q/resume');
      await admin.delete('queues/q');
    });
    const made = {
      name: 'q',
      visibility: 'private',
      endpoint: null,
      models: ['m'],
      consumers: ['upstream'],
      upstream: 'u',
      retry_policy: null,
      completion_rule: 'first',
      eventbus: false,
      max_concurrency: null,
      max_depth: null,
      per_minute: null,
      result_ttl_ms: null,
    };
    const policy = { max_tries: 2, first_backoff_ms: null, max_backoff_ms: null };
    expect(acts.map(short)).toEqual([
      ['admin', 'queue.create', 'acme', made],
      ['admin', 'queue.update', 'acme', { name: 'q', consumers: [], upstream: null, retry_policy: policy }],
      ['admin', 'queue.pause', 'acme', { name: 'q' }],
      ['admin', 'queue.resume', 'acme', { name: 'q' }],
      ['admin', 'queue.delete', 'acme', { name: 'q' }],
    ]);
  });

  it('tells who made, rotated and revoked which key, and set which quota', async () => {
    const ids: string[] = [];
    const acts = await actsOf(async () => {
      const made = await admin.post('keys', { name: 'k', tenant: 'newcomer', scopes: ['files', 'admin'] });
      const next = await admin.post(`keys/${made.id}/rotate`, { overlap_seconds: 60 });
      await new ConsoleClient(server, next.token).delete(`keys/${made.id}`);
      await new ConsoleClient(server, next.token).delete(`keys/${made.id}`);
      await new ConsoleClient(server, next.token).patch('tenants/newcomer', { max_files: 3, max_bytes: null });
      await admin.patch('tenants/newcomer', {});
      ids.push(made.id, next.id);
    });
    const [old, next] = ids;
    expect(acts.map(short)).toEqual([
      ['admin', 'tenant.create', 'newcomer', { name: 'newcomer' }],
      ['admin', 'key.create', 'newcomer', { name: 'k', scopes: ['files', 'admin'], expires_at: null }],
      ['admin', 'key.rotate', 'newcomer', { name: 'k', new_key: next, overlap_seconds: 60 }],
      [next, 'key.revoke', 'newcomer', { name: 'k' }],
      [next, 'tenant.update', 'newcomer', { name: 'newcomer', max_files: 3, max_bytes: null }],
    ]);
    expect(acts.slice(1, 4).map(({ subject }) => subject)).toEqual([old, old, old]);
  });

  it('tells who cancelled which batch and deleted which file', async () => {
    const { token, id: key } = await admin.post('keys', { name: 'k', tenant: 'acme', scopes: ['files', 'batches'] });
    const client = server.openaiAs(token);
    const subjects: string[] = [];
    const acts = await actsOf(async () => {
      const { id } = await client.files.create({ file: await jsonl('a.jsonl'), purpose: 'batch' });
      await client.files.delete(id);
      const batch = await start(client, [line('a')]);
      await awaited(client, batch, ({ status }) => status === 'in_progress'); // nothing consumes it
      await client.batches.cancel(batch.id);
      await client.batches.cancel(batch.id);
      subjects.push(id, batch.id);
    });
    expect(acts.map(short)).toEqual([
      [key, 'file.delete', 'acme', { filename: 'a.jsonl', bytes: expect.any(Number), purpose: 'batch' }],
      [key, 'batch.cancel', 'acme', { total: 1, completed: 0, failed: 0 }],
    ]);
    expect(acts.map(({ subject }) => subject)).toEqual(subjects);
  });

  it('says nothing of what was refused', async () => {
    await admin.ask('POST', 'upstreams', { name: 'taken', base_url: 'http://a/v1' });
    await admin.ask('POST', 'queues', { name: 'user', upstream: 'taken' });
    const acts = await actsOf(async () => {
      await admin.refused('POST', 'upstreams', { name: 'taken', base_url: 'http://a/v1' });
      await admin.refused('DELETE', 'upstreams/taken');
      await admin.refused('POST', 'queues', { name: 'user' });
      await admin.refused('DELETE', 'queues/default');
      await admin.refused('PATCH', 'tenants/nobody', { max_files: 1 });
      await expect(server.openai.files.delete('file-none')).rejects.toThrow('No such File object');
      await expect(server.openai.batches.cancel('batch_none')).rejects.toThrow('No batch found');
    });
    expect(acts).toEqual([]);
  });

  it('comes in pages, newest first', async () => {
    const all: Json[] = (await admin.get('audit?limit=500')).data;
    const paged: Json[] = [];
    let page = await admin.get('audit?limit=3');
    for (paged.push(...page.data); page.has_more; paged.push(...page.data)) {
      page = await admin.get(`audit?limit=3&after=${page.last_id}`);
    }
    expect(paged).toEqual(all);
    expect(all.map(({ created_at: at }) => at)).toEqual(all.map(({ created_at: at }) => at).sort((a, b) => b - a));
  });

  it.each([
    ['audit?limit=501', 400, 'integer_above_max_value', 'limit'],
    ['audit?after=audit_none', 404, null, 'after'],
  ])('is refused for %s', async (path, status, code, param) => {
    expect((await admin.refused('GET', path)).slice(0, 3)).toEqual([status, code, param]);
  });
});

describe('the key of an upstream', () => {
  it('is in no answer, no line of the log and no file', async () => {
    const canaries = ['sk-canary-one-7f3a9c', 'canary.two.without.prefix.51d0', 'canary-three-refused-8e21'];
    const [one, two, three] = canaries;
    upstream.answerWith(() => ({ status: 401, body: `{"error":{"message":"Incorrect API key"}}` }));
    await admin.post('upstreams', { name: 'canary', base_url: upstream.url, api_key: one });
    await admin.post('queues', { name: 'canary', upstream: 'canary', models: ['canary'] });
    await run(server.openai, [line('a', { model: 'canary' })]);
    expect(upstream.requests.items.at(-1)!.headers.authorization).toBe(`Bearer ${one}`);

    await admin.patch('upstreams/canary', { api_key: two });
    upstream.answerWith(({ headers }) => ({ status: 401, body: `{"error":{"message":"${headers.authorization}"}}` }));
    await admin.post('upstreams/canary/test');
    expect(upstream.requests.items.at(-1)!.headers.authorization).toBe(`Bearer ${two}`);
    await admin.refused('PATCH', 'upstreams/canary', { api_key: `${three} ` });
    await admin.refused('POST', 'upstreams', { name: 'canary', base_url: upstream.url, api_key: three });
    await admin.refused('POST', 'upstreams', { name: 'c', base_url: `http://user:${three}@a/v1`, api_key: three });
    for (const path of ['upstreams', 'upstreams/canary', 'queues', 'stats', 'audit?limit=500']) await admin.get(path);

    const open = await Promise.all(
      ['/metrics', '/docs-json', '/v1/models', '/v1/batches'].map((path) =>
        server.fetch(path).then((response) => response.text()),
      ),
    );
    await server.stop();
    const log = server.logs.map((entry) => JSON.stringify(entry));
    const places = [
      ...admin.answers,
      ...open,
      ...log,
      ...(await server.place.contents()).map((bytes) => bytes.toString('latin1')),
    ];
    expect(log.length).toBeGreaterThan(20);
    for (const canary of canaries) expect(places.filter((text) => text.includes(canary))).toEqual([]);
    // The search finds what is there.
    expect(places.filter((text) => text.includes(upstream.url)).length).toBeGreaterThan(2);
  });
});
