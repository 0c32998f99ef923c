/** Upstreams as operators set them up: what they say, what is refused, and what the dispatchers make of a change. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../../src/cli/ports.js';
import { awaited, line, resultsOf, start } from '../support/batches.js';
import { ConsoleClient } from '../support/console.js';
import { Gate } from '../support/inbox.js';
import { askedIn, completion, ScriptedUpstream, type Script } from '../support/scripted-upstream.js';
import { TestServer } from '../support/server.js';
import { until } from '../support/until.js';

const KEY = 'sk-console-upstream-key-h7Qx';
const BAD_URL = "Invalid 'base_url': expected an http or https URL without credentials, query and fragment.";
const BAD_NAME = "Invalid 'name': expected 1 to 64 letters, digits, '_' and '-'.";
const BAD_KEY = "Invalid 'api_key': expected 1 to 4000 printable ASCII characters without spaces.";

let server: TestServer;
let admin: ConsoleClient;
let upstream: ScriptedUpstream;

beforeAll(async () => {
  upstream = await ScriptedUpstream.start();
  server = await TestServer.start({ MILLRACE_UPSTREAM_URL: upstream.url });
  admin = new ConsoleClient(server);
});

afterAll(async () => {
  await server.close();
  await upstream.close();
});

describe('an upstream', () => {
  it('is made, shown, changed and removed, by name and by id', async () => {
    const body = { name: 'crud', base_url: 'HTTPS://api.example.com/v1//', api_key: KEY, per_minute: 3_000 };
    const made = await admin.post('upstreams', body);
    expect(made).toEqual({
      object: 'upstream',
      id: expect.stringMatching(/^up_[0-9a-f]{32}$/),
      name: 'crud',
      base_url: 'HTTPS://api.example.com/v1',
      key_last4: 'h7Qx',
      concurrency: 64,
      per_minute: 3_000,
      source: 'console',
      created_at: expect.any(Number),
      updated_at: made.created_at,
    });
    expect(await admin.get('upstreams/crud')).toEqual(made);
    expect(await admin.get(`upstreams/${made.id}`)).toEqual(made);
    expect((await admin.get('upstreams')).data).toMatchObject([{ name: 'default', source: 'env' }, made]);

    const changed = await admin.patch('upstreams/crud', { concurrency: 2, api_key: null, per_minute: null });
    expect(changed).toMatchObject({ base_url: made.base_url, concurrency: 2, key_last4: null, per_minute: null });
    expect(await admin.patch(`upstreams/${made.id}`, {})).toEqual(changed);
    expect(await admin.patch('upstreams/crud', { concurrency: null })).toMatchObject({ concurrency: 2 });

    expect(await admin.delete('upstreams/crud')).toEqual({ id: made.id, object: 'upstream', deleted: true });
    expect(await admin.refused('GET', 'upstreams/crud')).toEqual([
      404,
      null,
      null,
      "No upstream has the name or id 'crud'.",
    ]);
  });

  it('that has a short key shows nothing of it', async () => {
    const body = { name: 'short', base_url: 'http://a/v1', api_key: 'abc12345' };
    expect(await admin.post('upstreams', body)).toMatchObject({ key_last4: '****' });
  });

  it.each([
    [{}, 'missing_required_parameter', 'name', "Missing required parameter: 'name'."],
    [{ name: 'a' }, 'missing_required_parameter', 'base_url', "Missing required parameter: 'base_url'."],
    [{ name: '' }, 'invalid_value', 'name', BAD_NAME],
    [{ name: 'a b' }, 'invalid_value', 'name', BAD_NAME],
    [{ name: 'x'.repeat(65) }, 'invalid_value', 'name', BAD_NAME],
    [{ base_url: 'ftp://a' }, 'invalid_value', 'base_url', BAD_URL],
    [{ base_url: 'http:a' }, 'invalid_value', 'base_url', BAD_URL],
    [{ base_url: 'http://u:p@a/v1' }, 'invalid_value', 'base_url', BAD_URL],
    [{ base_url: 'http://a/v1?x=1' }, 'invalid_value', 'base_url', BAD_URL],
    [{ base_url: 'http://a/v1#x' }, 'invalid_value', 'base_url', BAD_URL],
    [{ base_url: `http://a/${'v'.repeat(2_000)}` }, 'invalid_value', 'base_url', BAD_URL],
    [{ api_key: '' }, 'invalid_value', 'api_key', BAD_KEY],
    [{ api_key: `${KEY}\n` }, 'invalid_value', 'api_key', BAD_KEY],
    [{ api_key: 'schlüssel' }, 'invalid_value', 'api_key', BAD_KEY],
    [{ api_key: 7 }, 'invalid_type', 'api_key', expect.any(String)],
    [{ concurrency: 0 }, 'integer_below_min_value', 'concurrency', expect.any(String)],
    [{ concurrency: 10_001 }, 'integer_above_max_value', 'concurrency', expect.any(String)],
    [{ concurrency: 1.5 }, 'invalid_type', 'concurrency', expect.any(String)],
    [{ per_minute: 0 }, 'integer_below_min_value', 'per_minute', expect.any(String)],
    [{ max_concurrency: 3 }, 'unknown_parameter', 'max_concurrency', "Unknown parameter: 'max_concurrency'."],
  ])('is refused with %j', async (part, code, param, message) => {
    const whole =
      'name' in part && Object.keys(part).length === 1 ? part : { name: 'bad', base_url: 'http://a', ...part };
    const body = Object.keys(part).length === 0 ? {} : whole;
    expect(await admin.refused('POST', 'upstreams', body)).toEqual([400, code, param, message]);
  });

  it.each([
    [{ name: 'other' }, 'unknown_parameter', 'name'],
    [{ base_url: 'nowhere' }, 'invalid_value', 'base_url'],
    [{ api_key: 'two words' }, 'invalid_value', 'api_key'],
    [{ concurrency: '3' }, 'invalid_type', 'concurrency'],
    [[], 'invalid_type', 'body'],
  ])('is not changed by %j', async (body, code, param) => {
    await admin.ask('POST', 'upstreams', { name: 'steady', base_url: 'http://a/v1' });
    const before = await admin.get('upstreams/steady');
    expect((await admin.refused('PATCH', 'upstreams/steady', body)).slice(0, 3)).toEqual([400, code, param]);
    expect(await admin.get('upstreams/steady')).toEqual(before);
  });

  it('has a name of its own', async () => {
    await admin.post('upstreams', { name: 'once', base_url: 'http://a/v1' });
    const second = await admin.refused('POST', 'upstreams', { name: 'once', base_url: 'http://b/v1' });
    expect(second).toEqual([409, null, 'name', "There is an upstream named 'once' already."]);
    const kept = await admin.refused('POST', 'upstreams', { name: 'default', base_url: 'http://b/v1' });
    expect(kept.slice(0, 3)).toEqual([409, null, 'name']);
  });

  it('that variables set up is changed by them only', async () => {
    const text = "The upstream 'default' is set up by MILLRACE_UPSTREAM_*: change those variables instead.";
    expect(await admin.refused('PATCH', 'upstreams/default', { concurrency: 3 })).toEqual([409, null, null, text]);
    expect((await admin.refused('DELETE', 'upstreams/default'))[3]).toContain("is used by 'default'");
  });

  it('stays as long as a queue uses it', async () => {
    await admin.post('upstreams', { name: 'needed', base_url: 'http://a/v1' });
    await admin.post('queues', { name: 'needy', upstream: 'needed' });
    const text = "The upstream 'needed' is used by 'needy'. Give these queues another upstream, or none, first.";
    expect(await admin.refused('DELETE', 'upstreams/needed')).toEqual([409, null, null, text]);
    await admin.patch('queues/needy', { upstream: null });
    await admin.delete('upstreams/needed');
  });

  it.each(['GET', 'PATCH', 'DELETE'])('that nobody made: 404 for %s', async (method) => {
    const body = method === 'PATCH' ? {} : undefined;
    expect((await admin.refused(method, 'upstreams/nobody', body)).slice(0, 2)).toEqual([404, null]);
  });
});

describe('a test call', () => {
  const testOf = async (script: Script, path = '') => {
    const other = await ScriptedUpstream.start(script);
    try {
      await admin.post('upstreams', { name: 'probed', base_url: other.url + path, api_key: KEY });
      const result = await admin.post('upstreams/probed/test');
      return { result, requests: other.requests.items };
    } finally {
      await admin.delete('upstreams/probed');
      await other.close();
    }
  };

  it('tells the models, and sends the key', async () => {
    const list = { object: 'list', data: [{ id: 'a' }, { id: 'b', object: 'model' }, { no: 'id' }] };
    const { result, requests } = await testOf(() => ({ body: JSON.stringify(list) }));
    expect(result).toEqual({ ok: true, status: 200, latency_ms: expect.any(Number), models: ['a', 'b'], error: null });
    expect(requests).toMatchObject([{ path: '/v1/models', headers: { authorization: `Bearer ${KEY}` } }]);
  });

  it.each([
    [
      'refused the key',
      401,
      `{"error":{"message":"Incorrect API key provided: ${KEY}"}}`,
      'The upstream refused the key (status 401).',
    ],
    [
      'is somewhere else',
      404,
      'not here',
      'The upstream has no /models under this base URL (status 404). Is the base URL right?',
    ],
    ['is broken', 500, '', 'The upstream answered with status 500.'],
    [
      'is a web page',
      200,
      '<html>',
      'GET /models was answered with something that is no list of models. Is the base URL right?',
    ],
    [
      'says something else',
      200,
      '{"data":{}}',
      'GET /models was answered with something that is no list of models. Is the base URL right?',
    ],
  ])('tells of a server that %s', async (_, status, body, error) => {
    const { result } = await testOf(() => ({ status, body }));
    expect(result).toEqual({ ok: false, status, latency_ms: expect.any(Number), models: null, error });
  });

  it('follows nobody elsewhere', async () => {
    const { result, requests } = await testOf(() => ({ status: 307, headers: { location: '/v1/other' }, body: '' }));
    expect(result).toMatchObject({ ok: false, status: 307, error: expect.stringContaining('we do not follow') });
    expect(requests).toHaveLength(1);
  });

  it('tells why nobody is there', async () => {
    const port = await freePort();
    await admin.post('upstreams', { name: 'gone', base_url: `http://127.0.0.1:${port}/v1` });
    const error = 'The upstream could not be reached (ECONNREFUSED).';
    expect(await admin.post('upstreams/gone/test')).toMatchObject({ ok: false, status: null, models: null, error });
    expect((await admin.refused('POST', 'upstreams/nobody/test'))[0]).toBe(404);
  });
});

describe('a change', () => {
  it('of the key is in the next call', async () => {
    const other = await ScriptedUpstream.start();
    await admin.post('upstreams', { name: 'rekeyed', base_url: other.url, api_key: KEY });
    await admin.post('queues', { name: 'rekeyed', upstream: 'rekeyed', models: ['rekeyed'] });
    const call = async () => {
      const batch = await awaited(server.openai, await start(server.openai, [line('a', { model: 'rekeyed' })]));
      expect(batch.request_counts).toMatchObject({ completed: 1 });
      return other.requests.items.at(-1)!.headers.authorization;
    };
    expect(await call()).toBe(`Bearer ${KEY}`);
    await admin.patch('upstreams/rekeyed', { api_key: 'sk-another-key-1234' });
    expect(await call()).toBe('Bearer sk-another-key-1234');
    await admin.patch('upstreams/rekeyed', { api_key: null });
    expect(await call()).toBeUndefined();
    await other.close();
  });

  it('of the concurrency lets more calls go at a time', async () => {
    const gate = new Gate();
    const slow = await ScriptedUpstream.start(async (request) => {
      await gate.opened;
      return completion(askedIn(request));
    });
    await admin.post('upstreams', { name: 'widened', base_url: slow.url, concurrency: 1 });
    await admin.post('queues', { name: 'widened', upstream: 'widened', models: ['widen'] });
    const ids = Array.from({ length: 6 }, (_, n) => `line-${n}`);
    const batch = await start(
      server.openai,
      ids.map((id) => line(id, { model: 'widen' })),
    );
    await until(
      () => admin.lanes(),
      (lanes) => lanes['widened:1']?.leased === 1,
    );
    await admin.patch('upstreams/widened', { concurrency: 4 });
    await slow.requests.first(4); // none of them has ended
    gate.open();
    expect((await awaited(server.openai, batch)).request_counts).toMatchObject({ completed: 6 });
    await slow.close();
  });

  it('to another server ends a pause that the one before asked for', async () => {
    const busy = await ScriptedUpstream.start(() => ({ status: 429, headers: { 'retry-after': '3600' }, body: '{}' }));
    await admin.post('upstreams', { name: 'busy', base_url: busy.url });
    await admin.post('queues', { name: 'moved', upstream: 'busy', models: ['moved'] });
    const batch = await start(server.openai, [line('a', { model: 'moved' }), line('b', { model: 'moved' })]);
    await until(
      () => admin.lanes(),
      (lanes) => lanes['moved:1']?.waits_because?.includes('asked not to be called before') ?? false,
    );
    upstream.answerWith((request) => completion(`from the other: ${askedIn(request)}`));
    await admin.patch('upstreams/busy', { base_url: upstream.url });
    const { output_file_id: output } = await awaited(server.openai, batch);
    const answers = await resultsOf(server.openai, output);
    expect(answers.map((answer) => JSON.stringify(answer.response!.body))).toEqual([
      expect.stringContaining('from the other: a'),
      expect.stringContaining('from the other: b'),
    ]);
    await busy.close();
  });
});
