/** Queues as operators set them up, and what becomes of batches that meet them. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  awaited,
  createBatch,
  customIdsOf,
  line,
  resultsOf,
  run,
  start,
  upload,
  type ResultLine,
} from '../support/batches.js';
import { ConsoleClient } from '../support/console.js';
import { Gate } from '../support/inbox.js';
import { completion, ECHO, ScriptedUpstream } from '../support/scripted-upstream.js';
import { TestServer } from '../support/server.js';
import { until } from '../support/until.js';

const BAD_NAME = "Invalid 'name': expected 1 to 64 letters, digits, '_' and '-'.";

let server: TestServer;
let admin: ConsoleClient;
/** Of the queue `default`. */
let first: ScriptedUpstream;
/** Set up over the API. */
let second: ScriptedUpstream;

beforeAll(async () => {
  first = await ScriptedUpstream.start();
  second = await ScriptedUpstream.start();
  server = await TestServer.start({ MILLRACE_UPSTREAM_URL: first.url });
  admin = new ConsoleClient(server);
  await admin.post('upstreams', { name: 'second', base_url: second.url, concurrency: 4 });
  await admin.post('keys', { name: 'first', tenant: 'acme', scopes: ['files', 'batches'] });
});
beforeEach(() => {
  first.answerWith(() => completion('first'));
  second.answerWith(() => completion('second'));
});

afterAll(async () => {
  await server.close();
  await first.close();
  await second.close();
});

/** Who answered each line of a batch that has completed. */
async function answersOf(batch: { output_file_id?: string | null }): Promise<string[]> {
  const results = await resultsOf(server.openai, batch.output_file_id);
  return results.map(contentOf);
}

function contentOf({ response }: ResultLine): string {
  const choices = response!.body['choices'] as [{ message: { content: string } }];
  return choices[0].message.content;
}

describe('a queue', () => {
  it('is made, shown, changed and removed, by name and by id', async () => {
    const made = await admin.post('queues', { name: 'crud' });
    expect(made).toEqual({
      object: 'queue',
      id: expect.stringMatching(/^queue_[0-9a-f]{32}$/),
      name: 'crud',
      tenant: 'default',
      visibility: 'private',
      endpoint: null,
      models: [],
      consumers: [],
      upstream: null,
      retry_policy: null,
      max_concurrency: null,
      per_minute: null,
      max_depth: null,
      result_ttl_seconds: null,
      completion_rule: 'first',
      eventbus: false,
      paused_at: null,
      created_at: expect.any(Number),
      updated_at: made.created_at,
    });
    const all = {
      endpoint: '/v1/embeddings',
      models: ['a', 'b/c:d'],
      consumers: ['upstream', 'pull'],
      upstream: 'second',
      visibility: 'shared',
      eventbus: true,
      retry_policy: { max_tries: 2, first_backoff_ms: 5, max_backoff_ms: null },
    };
    const changed = await admin.patch('queues/crud', all);
    expect(changed).toMatchObject({ ...all, id: made.id, created_at: made.created_at });
    expect(await admin.patch('queues/crud', {})).toEqual(changed);
    expect(await admin.get('queues/crud')).toEqual(changed);
    expect(await admin.get(`queues/${made.id}`)).toEqual(changed);
    expect((await admin.get('queues')).data).toMatchObject([{ name: 'default', upstream: 'default' }, changed]);

    const cleared = { endpoint: null, models: [], upstream: null, retry_policy: null };
    expect(await admin.patch(`queues/${made.id}`, cleared)).toMatchObject({ ...cleared, consumers: ['pull'] });
    expect(await admin.delete('queues/crud')).toEqual({ id: made.id, object: 'queue', deleted: true });
    const text = "No queue has the name or id 'crud'.";
    expect(await admin.refused('GET', 'queues/crud')).toEqual([404, null, null, text]);
  });

  it('is worked off by its upstream, unless it says otherwise', async () => {
    expect(await admin.post('queues', { name: 'implied', upstream: 'second' })).toMatchObject({
      consumers: ['upstream'],
    });
    expect(await admin.patch('queues/implied', { upstream: null })).toMatchObject({ consumers: [], upstream: null });
    expect(await admin.patch('queues/implied', { upstream: 'second' })).toMatchObject({ consumers: ['upstream'] });
    await admin.delete('queues/implied');
  });

  it.each([
    [{}, 'missing_required_parameter', 'name', "Missing required parameter: 'name'."],
    [{ name: 'a/b' }, 'invalid_value', 'name', BAD_NAME],
    [{ name: 7 }, 'invalid_type', 'name', expect.any(String)],
    [{ name: 'x', tenant: 'a b' }, 'invalid_value', 'tenant', expect.any(String)],
    [{ name: 'x', endpoint: 'chat' }, 'invalid_value', 'endpoint', expect.any(String)],
    [{ name: 'x', endpoint: '/v1/../x' }, 'invalid_value', 'endpoint', expect.any(String)],
    [{ name: 'x', endpoint: '/v1/x/' }, 'invalid_value', 'endpoint', expect.any(String)],
    [{ name: 'x', models: 'm' }, 'invalid_type', 'models', expect.any(String)],
    [{ name: 'x', models: ['a', 7] }, 'invalid_type', 'models.1', expect.any(String)],
    [{ name: 'x', models: [null] }, 'invalid_type', 'models.0', expect.any(String)],
    [{ name: 'x', models: [''] }, 'invalid_value', 'models.0', expect.any(String)],
    [{ name: 'x', models: ['a', 'a'] }, 'invalid_value', 'models.1', "Invalid 'models.1': 'a' is in the list twice."],
    [{ name: 'x', models: ['m'.repeat(201)] }, 'invalid_value', 'models', expect.any(String)],
    [{ name: 'x', consumers: ['push'] }, 'invalid_value', 'consumers.0', expect.stringContaining("'handler'")],
    [{ name: 'x', consumers: ['upstream'] }, 'invalid_value', 'consumers', expect.stringContaining("in 'upstream'")],
    [{ name: 'x', consumers: [], upstream: 'second' }, 'invalid_value', 'consumers', expect.any(String)],
    [{ name: 'x', upstream: 'nobody' }, 'invalid_value', 'upstream', "No upstream has the name or id 'nobody'."],
    [{ name: 'x', upstream: '' }, 'invalid_value', 'upstream', expect.any(String)],
    [{ name: 'x', visibility: 'public' }, 'invalid_value', 'visibility', expect.any(String)],
    [{ name: 'x', retry_policy: 3 }, 'invalid_type', 'retry_policy', expect.any(String)],
    [
      { name: 'x', retry_policy: { max_tries: 0 } },
      'integer_below_min_value',
      'retry_policy.max_tries',
      expect.any(String),
    ],
    [
      { name: 'x', retry_policy: { tries: 3 } },
      'unknown_parameter',
      'retry_policy.tries',
      "Unknown parameter: 'retry_policy.tries'.",
    ],
    [
      { name: 'x', retry_policy: { first_backoff_ms: 70_000 } },
      'invalid_value',
      'retry_policy',
      expect.stringContaining('60000'),
    ],
    [{ name: 'x', max_length: 3 }, 'unknown_parameter', 'max_length', "Unknown parameter: 'max_length'."],
  ])('is refused with %j', async (body, code, param, message) => {
    expect(await admin.refused('POST', 'queues', body)).toEqual([400, code, param, message]);
    expect((await admin.refused('GET', 'queues/x'))[0]).toBe(404);
  });

  it.each([
    [{ name: 'other' }, 'unknown_parameter', 'name'],
    [{ tenant: 'acme' }, 'unknown_parameter', 'tenant'],
    [{ consumers: ['upstream'] }, 'invalid_value', 'consumers'],
    [{ upstream: 'nobody' }, 'invalid_value', 'upstream'],
    [{ models: {} }, 'invalid_type', 'models'],
  ])('is not changed by %j', async (body, code, param) => {
    await admin.ask('POST', 'queues', { name: 'steady' });
    const before = await admin.get('queues/steady');
    expect((await admin.refused('PATCH', 'queues/steady', body)).slice(0, 3)).toEqual([400, code, param]);
    expect(await admin.get('queues/steady')).toEqual(before);
  });

  it.each([
    ['GET', 'queues/nobody'],
    ['PATCH', 'queues/nobody'],
    ['DELETE', 'queues/nobody'],
    ['POST', 'queues/nobody/pause'],
    ['POST', 'queues/nobody/resume'],
  ])('that nobody made: 404 for %s %s', async (method, path) => {
    const body = method === 'PATCH' ? {} : undefined;
    expect((await admin.refused(method, path, body)).slice(0, 2)).toEqual([404, null]);
  });

  it('belongs to a tenant that there is', async () => {
    const text = "No tenant is named 'nobody'.";
    expect(await admin.refused('POST', 'queues', { name: 'x', tenant: 'nobody' })).toEqual([404, null, 'tenant', text]);
  });
});

describe('the name of a queue', () => {
  it('is taken once in a tenant, by all when it is shared', async () => {
    await admin.post('queues', { name: 'mine' });
    const again = await admin.refused('POST', 'queues', { name: 'mine' });
    expect(again).toEqual([409, null, 'name', "There is a queue named 'mine' already."]);
    const theirs = await admin.post('queues', { name: 'mine', tenant: 'acme' });
    expect(theirs).toMatchObject({ tenant: 'acme' });
    const shared = await admin.refused('PATCH', `queues/${theirs.id}`, { visibility: 'shared' });
    expect(shared).toEqual([409, null, 'name', "There is another tenant's queue named 'mine' already."]);

    await admin.post('queues', { name: 'ours', visibility: 'shared' });
    const rival = await admin.refused('POST', 'queues', { name: 'ours', tenant: 'acme' });
    expect(rival).toEqual([409, null, 'name', "There is a shared queue named 'ours' already."]);
    await admin.patch('queues/ours', { visibility: 'private' });
    await admin.post('queues', { name: 'ours', tenant: 'acme' });
  });

  it('that two tenants use asks for an id', async () => {
    const { id } = await admin.post('queues', { name: 'twice' });
    const other = await admin.post('queues', { name: 'twice', tenant: 'acme' });
    const [status, , , message] = await admin.refused('DELETE', 'queues/twice');
    expect([status, message]).toEqual([409, expect.stringContaining(`'${id}', '${other.id}'`)]);
    await admin.delete(`queues/${other.id}`);
    expect(await admin.get('queues/twice')).toMatchObject({ id });
  });
});

describe('the queue default', () => {
  it.each([
    ['DELETE', undefined, null],
    ['PATCH', { visibility: 'private' }, 'visibility'],
    ['PATCH', { upstream: 'second' }, 'upstream'],
    ['PATCH', { upstream: null }, 'upstream'],
    ['PATCH', { consumers: ['pull'] }, 'upstream'],
  ])('stays what the start of the server makes of it: %s %j', async (method, body, param) => {
    const before = await admin.get('queues/default');
    expect((await admin.refused(method, 'queues/default', body)).slice(0, 3)).toEqual([409, null, param]);
    expect(await admin.get('queues/default')).toEqual(before);
  });

  it('can be narrowed and paused', async () => {
    await admin.patch('queues/default', { models: ['m'], retry_policy: { max_tries: 7 } });
    const batch = await run(server.openai, [line('a', { model: 'other' })]);
    expect(batch).toMatchObject({ status: 'failed', errors: { data: [{ code: 'model_not_found', line: 1 }] } });
    await admin.patch('queues/default', { models: [], retry_policy: null });
    expect(await admin.post('queues/default/pause')).toMatchObject({ paused_at: expect.any(Number) });
    expect(await admin.post('queues/default/resume')).toMatchObject({ paused_at: null });
  });
});

describe('lines', () => {
  it('go to the queue that lists their model, or to the one that the batch names', async () => {
    await admin.post('queues', { name: 'routed', upstream: 'second', models: ['two'] });
    const mixed = [line('a', { model: 'one' }), line('b', { model: 'two' }), line('c', { model: 'one' })];
    expect(await answersOf(await run(server.openai, mixed))).toEqual(['first', 'second', 'first']);
    const headers = { 'X-Millrace-Queue': 'routed' };
    expect(await answersOf(await run(server.openai, mixed, { headers }))).toEqual(['second', 'second', 'second']);
    const models = (await server.openai.models.list()).data.map(({ id }) => id);
    expect(models).toContain('two');
  });

  it('go another way at once when an operator says so', async () => {
    await admin.post('queues', { name: 'turned', upstream: 'second', models: ['turn'] });
    const lines = [line('a', { model: 'turn' })];
    expect(await answersOf(await run(server.openai, lines))).toEqual(['second']);
    await admin.post('upstreams', { name: 'first-again', base_url: first.url });
    await admin.patch('queues/turned', { upstream: 'first-again' });
    expect(await answersOf(await run(server.openai, lines))).toEqual(['first']);
    await admin.patch('queues/turned', { models: [], upstream: 'second' });
    expect(await answersOf(await run(server.openai, lines))).toEqual(['first']); // of the queue default
  });

  it('meet every change that was answered before they came', async () => {
    await admin.post('queues', { name: 'restless', upstream: 'second' });
    for (let n = 0; n < 30; n += 1) {
      await admin.patch('queues/restless', { models: [`restless-${n}`] });
      const known = (await server.openai.models.list()).data.map(({ id }) => id);
      expect(known.filter((id) => id.startsWith('restless'))).toEqual([`restless-${n}`]);
    }
  });

  it('are tried as often as their queue says', async () => {
    second.answerWith(() => ({ status: 500, body: '{"error":{"message":"no"}}' }));
    const retry = { max_tries: 2, first_backoff_ms: 1, max_backoff_ms: 1 };
    await admin.post('queues', { name: 'brief', upstream: 'second', models: ['brief'], retry_policy: retry });
    const before = second.requests.items.length;
    const batch = await run(server.openai, [line('a', { model: 'brief' })]);
    expect(batch.request_counts).toEqual({ total: 1, completed: 0, failed: 1 });
    expect(second.requests.items.length - before).toBe(2);
  });

  it('of another tenant do not reach a private queue, but a shared one', async () => {
    await admin.post('queues', { name: 'guarded', upstream: 'second', models: ['guarded'] });
    const { token } = await admin.post('keys', { name: 'guest', tenant: 'acme', scopes: ['files', 'batches'] });
    const guest = server.openaiAs(token);
    const fileId = await upload(guest, [line('a', { model: 'guarded' })]);
    const headers = { 'X-Millrace-Queue': 'guarded' };
    await expect(createBatch(guest, fileId, { headers })).rejects.toMatchObject({
      status: 400,
      code: 'queue_not_found',
    });
    const answer = async () => {
      const batch = await awaited(guest, await createBatch(guest, fileId));
      const [result] = await resultsOf(guest, batch.output_file_id);
      return contentOf(result!);
    };
    expect(await answer()).toBe('first'); // of the queue default
    await admin.patch('queues/guarded', { visibility: 'shared' });
    expect(await answer()).toBe('second');
  });
});

describe('a paused queue', () => {
  it('hands out nothing, lets run what runs, and goes on where it was', async () => {
    const gate = new Gate();
    second.answerWith(async (request) => {
      await gate.opened;
      return ECHO(request);
    });
    await admin.post('queues', { name: 'halted', upstream: 'second', models: ['halted'] });
    const ids = Array.from({ length: 20 }, (_, n) => `line-${n}`);
    const seen = second.requests.items.length;
    const batch = await start(
      server.openai,
      ids.map((id) => line(id, { model: 'halted' })),
    );
    await second.requests.first(seen + 4); // as many as the upstream has permits
    await admin.post('queues/halted/pause');
    expect(await admin.post('queues/halted/pause')).toMatchObject({ paused_at: expect.any(Number) });
    gate.open();
    await until(
      () => server.openai.batches.retrieve(batch.id),
      ({ request_counts: counts }) => counts!.completed === 4,
    );
    // What was leased ahead is back in its place too.
    const lane = await until(
      () => admin.lanes().then((lanes) => lanes['halted:1']),
      ({ leased }) => leased === 0,
    );
    expect(lane).toMatchObject({ ready: 16, leased: 0, waits_because: "the queue 'halted' is paused" });
    expect(second.requests.items.length).toBe(seen + 4);

    await server.stop();
    await server.restart();
    expect(await admin.get('queues/halted')).toMatchObject({ paused_at: expect.any(Number) });
    await admin.post('queues/halted/resume');
    const ended = await awaited(server.openai, batch);
    expect(ended.request_counts).toEqual({ total: 20, completed: 20, failed: 0 });
    expect(await customIdsOf(server.openai, ended.output_file_id)).toEqual(ids);
    expect(second.requests.items.length).toBe(seen + 20);
  });

  it('keeps its tasks, and so cannot be removed before they are gone', async () => {
    await admin.post('queues', { name: 'full', upstream: 'second', models: ['full'] });
    await admin.post('queues/full/pause');
    const batch = await start(server.openai, [line('a', { model: 'full' }), line('b', { model: 'full' })]);
    await awaited(server.openai, batch, ({ status }) => status === 'in_progress');
    const text = "The queue 'full' still holds 2 tasks. Only an empty queue can be deleted.";
    expect(await admin.refused('DELETE', 'queues/full')).toEqual([409, null, null, text]);
    // The refusal has changed nothing: it is still routed to, and still paused.
    const more = await start(server.openai, [line('a', { model: 'full' })]);
    await awaited(server.openai, more, ({ status }) => status === 'in_progress');
    expect((await admin.refused('DELETE', 'queues/full'))[3]).toContain('still holds 3 tasks');

    for (const { id } of [batch, more]) await server.openai.batches.cancel(id);
    for (const one of [batch, more]) await awaited(server.openai, one);
    await admin.delete('queues/full');
    expect(await answersOf(await run(server.openai, [line('a', { model: 'full' })]))).toEqual(['first']);
    const headers = { 'X-Millrace-Queue': 'full' };
    const late = start(server.openai, [line('a')], { headers });
    await expect(late).rejects.toMatchObject({ status: 400, code: 'queue_not_found' });
  });
});
