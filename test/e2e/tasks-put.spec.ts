/** Work handed in one by one, looked at and cancelled, as its submitters do it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConsoleClient, type Json } from '../support/console.js';
import { idsOf, PullWorker } from '../support/pull-worker.js';
import { TestServer } from '../support/server.js';
import { until } from '../support/until.js';

const TASK_ID = /^task_[0-9a-f]{32}$/;
const HOUR_MS = 3_600_000;

let server: TestServer;
let admin: ConsoleClient;
let client: PullWorker;
let acme: PullWorker;

beforeAll(async () => {
  server = await TestServer.start({ MILLRACE_CALLBACK_ALLOW: '127.0.0.1' });
  admin = new ConsoleClient(server);
  client = new PullWorker(server);
  acme = await PullWorker.of(server, 'acme', ['tasks', 'worker', 'queues']);
  for (const name of ['chat', 'other']) await client.makeQueue(name);
});

afterAll(() => server.close());

const putBody = (over: object = {}) => ({ endpoint: '/v1/x', queue: 'chat', data: { n: 1 }, ...over });
const put = (over: object = {}, headers: Record<string, string> = {}) =>
  client.ask('POST', 'put', putBody(over), { headers });

describe('a task in callback mode', () => {
  it('is answered with its id, in an envelope', async () => {
    const { status, body, headers } = await put();
    expect(status).toBe(200);
    expect(body).toEqual({ code: 200, timestamp: expect.any(Number), data: expect.stringMatching(TASK_ID) });
    expect(headers.get('x-millrace-task-id')).toBe(body.data);
    expect([headers.get('content-type'), headers.get('cache-control')]).toEqual(['application/json', 'no-cache']);
  });

  it('is shown as it is, without what there is nothing to say of', async () => {
    const { id: keyId, token } = await admin.post('keys', { name: 'shown', scopes: ['tasks'] });
    const mine = new PullWorker(server, token);
    const about = { trace_id: 'order-7', callback_url: 'http://127.0.0.1:9999/hook', timeout: 60, level: 3 };
    const id = await mine.put('chat', about);
    const task = await mine.task(id);
    const start = task.start_time;
    expect(task).toEqual({
      task_id: id,
      trace_id: 'order-7',
      ak: keyId,
      endpoint: '/v1/x',
      queue: 'chat',
      level: 3,
      data: { n: 1 },
      status: 'waiting',
      state: 'ready',
      tries: 0,
      start_time: start,
      running_time: 0,
      expire_time: start + 60_000,
      completed_time: 0,
      callback_url: 'http://127.0.0.1:9999/hook',
      response_mode: 'callback',
    });
    expect(Object.keys(task).slice(0, 7)).toEqual(['task_id', 'trace_id', 'ak', 'endpoint', 'queue', 'level', 'data']);
    const held = await client.takeOne('chat:3');
    expect(held).toMatchObject({ task_id: id, ak: keyId, status: 'queued', data: { n: 1 } });
    await client.complete(held, { text: 'Größe' });
    const done = await mine.task(id);
    expect(done).toMatchObject({
      status: 'succeeded',
      state: 'completed',
      tries: 1,
      result: { status_code: 200, request_id: expect.any(String), body: { text: 'Größe' } },
    });
    expect(done.completed_time - done.start_time).toBe(done.running_time);
    expect(done.completed_time).toBeGreaterThanOrEqual(start);
  });

  it('keeps its data as it was written, numbers and all', async () => {
    const data = '{ "big": 12345678901234567890, "small": 1.10, "text": "\\u00e9\\ud83d\\ude00}", "data": [] }';
    const body = `{"endpoint":"/v1/x","queue":"chat","level":4,"data":{"first":1},"data": ${data}}`;
    const id = (await client.post('put', body)).data;
    for (const text of [await textOf(`/v1/queue/${id}`), await takenText('chat:4')]) {
      expect(text).toContain(`"data":${data},`);
    }
  });

  it.each([
    [{ timeout: 5 }, 5_000],
    [{ timeout: 0 }, 24 * HOUR_MS],
    [{ timeout: -1 }, 24 * HOUR_MS],
    [{ timeout: null }, 24 * HOUR_MS],
    [{}, 24 * HOUR_MS],
    [{ delay: 60, timeout: 5 }, 65_000],
  ])('lives as long as %j says', async (over, lifeMs) => {
    const task = await client.task((await put({ ...over, level: 9 })).body.data);
    expect(task.expire_time - task.start_time).toBe(lifeMs);
  });

  it('that comes to its end without an answer has timed out', async () => {
    const id = await client.put('other', { timeout: 1 });
    const task = await until(
      () => client.task(id),
      ({ state }) => state !== 'ready',
    );
    expect(task).toMatchObject({ status: 'timeout', state: 'expired', result: { status_code: 408 } });
  });

  it('is given to nobody before its time', async () => {
    const at = Date.now() + HOUR_MS;
    const delayed = await client.put('other', { delay: 3_600 });
    const timed = await client.put('other', { not_before: at });
    const past = await client.put('other', { not_before: Date.now() - 60_000 });
    expect(await client.task(timed)).toMatchObject({ status: 'waiting', state: 'scheduled', available_time: at });
    expect((await client.task(delayed)).available_time).toBeGreaterThanOrEqual(at - 60_000);
    expect(idsOf(await client.take('other:0'))).toEqual([past]);
    const soon = await client.put('other', { delay: 1 });
    const [taken] = await until(
      () => client.take('other:0'),
      (tasks) => tasks.length > 0,
    );
    expect(taken!.task_id).toBe(soon);
  });
});

async function textOf(path: string): Promise<string> {
  return (await server.fetch(path)).text();
}

async function takenText(lane: string): Promise<string> {
  const headers = { authorization: `Bearer ${server.adminKey}`, 'content-type': 'application/json' };
  const response = await server.fetch('/v1/queue/take', {
    method: 'POST',
    headers,
    body: JSON.stringify({ queues: [lane] }),
  });
  return response.text();
}

describe('the queue of a task', () => {
  beforeAll(async () => {
    await client.makeQueue('of-model', { endpoint: '/v1/routed', models: ['m-1'] });
    await client.makeQueue('m-2', { endpoint: '/v1/routed' });
  });

  const queueOf = async (over: object, headers: Record<string, string> = {}) => {
    const { status, body } = await put({ queue: undefined, level: 8, ...over }, headers);
    return status === 200 ? (await client.task(body.data)).queue : [status, body.message];
  };

  it.each([
    [{ queue: 'chat', endpoint: '/v1/routed', data: { model: 'm-1' } }, 'chat'],
    [{ endpoint: '/v1/routed', data: { model: 'm-1' } }, 'of-model'],
    [{ queue: '', endpoint: '/v1/routed', data: { model: 'm-2' } }, 'm-2'],
    [{ endpoint: '/v1/elsewhere', data: { model: 'm-9' } }, 'default'],
    [{ endpoint: '/v1/elsewhere', data: { model: 7 } }, 'default'],
    [{ queue: 'nowhere' }, [400, "No queue is named 'nowhere'."]],
  ])('of %j is found', async (over, expected) => {
    expect(await queueOf(over)).toEqual(expected);
  });

  it('may be named in a header, and then the body goes before it', async () => {
    expect(await queueOf({}, { 'x-millrace-queue': 'other' })).toBe('other');
    expect(await queueOf({}, { 'x-bella-queue-name': 'other' })).toBe('other');
    expect(await queueOf({ queue: 'chat' }, { 'x-millrace-queue': 'other' })).toBe('chat');
  });

  it("is not another tenant's", async () => {
    expect(await acme.refused('POST', 'put', putBody())).toEqual([400, "No queue is named 'chat'."]);
  });
});

const BAD: [over: object, message: string | RegExp][] = [
  [{ endpoint: undefined }, 'endpoint cannot be null'],
  [{ endpoint: null }, 'endpoint cannot be null'],
  [{ endpoint: '' }, 'endpoint cannot be null'],
  [{ endpoint: ' ' }, 'endpoint cannot be null'],
  [{ endpoint: 7 }, "Invalid type for 'endpoint': expected a string, but got an integer instead."],
  [{ endpoint: 'x'.repeat(201) }, "Invalid 'endpoint': expected a string of at most 200 characters."],
  [{ data: undefined }, 'data cannot be null'],
  [{ data: null }, 'data cannot be null'],
  [{ data: 'text' }, "Invalid type for 'data': expected an object, but got a string instead."],
  [{ data: [] }, "Invalid type for 'data': expected an object, but got an array instead."],
  [{ queue: 7 }, /^Invalid type for 'queue'/],
  [{ queue: 'q'.repeat(65) }, /^Invalid 'queue'/],
  [{ level: 10 }, 'Unknown queue level: 10. There are 0 to 9.'],
  [{ level: -1 }, 'Unknown queue level: -1. There are 0 to 9.'],
  [{ level: '1' }, "Invalid type for 'level': expected an integer, but got a string instead."],
  [{ level: 0.5 }, "Invalid type for 'level': expected an integer, but got a decimal number instead."],
  [{ response_mode: 'batch' }, 'Unsupported response mode: batch'],
  [{ response_mode: '' }, 'Unsupported response mode: '],
  [{ response_mode: 7 }, /^Invalid type for 'response_mode'/],
  [{ timeout: '60' }, /^Invalid type for 'timeout'/],
  [{ timeout: 1.5 }, /^Invalid type for 'timeout'/],
  [{ timeout: -2 }, /^Invalid 'timeout'/],
  [{ timeout: 2_592_001 }, /^Invalid 'timeout'/],
  [{ delay: -1 }, /^Invalid 'delay'/],
  [{ delay: 2_592_001 }, /^Invalid 'delay'/],
  [{ delay: '5' }, /^Invalid type for 'delay'/],
  [{ not_before: -1 }, /^Invalid 'not_before'/],
  [{ not_before: 1e14 }, /^Invalid 'not_before'/],
  [
    { not_before: 1_795_370_030 },
    "Invalid 'not_before': expected epoch milliseconds, but 1795370030 looks like seconds.",
  ],
  [{ delay: 1, not_before: 1e12 }, "Give either 'delay' or 'not_before'."],
  [{ callback_url: 7 }, /^Invalid type for 'callback_url'/],
  [{ callback_url: 'nonsense' }, /^Invalid 'callback_url': expected an http or https URL/],
  [{ callback_url: 'http://169.254.169.254/latest' }, /^Invalid 'callback_url': .*metadata/],
  [{ callback_url: 'http://10.0.0.1/hook' }, /MILLRACE_CALLBACK_ALLOW/],
  [{ callback_url: `https://example.com/${'x'.repeat(2_048)}` }, /^Invalid 'callback_url'/],
  [{ trace_id: 7 }, /^Invalid type for 'trace_id'/],
  [{ trace_id: 'a\0b' }, /^Invalid 'trace_id'/],
  [{ trace_id: 'x'.repeat(201) }, /^Invalid 'trace_id'/],
  [{ type: 7 }, /^Invalid type for 'type'/],
];

describe('what cannot be put', () => {
  it.each(BAD)('%j', async (over, message) => {
    const [status, said] = await client.refused('POST', 'put', putBody(over));
    expect(status).toBe(400);
    if (typeof message === 'string') expect(said).toBe(message);
    else expect(said).toMatch(message);
    const { results } = await client.post('put/bulk', { tasks: [putBody({ level: 9 }), putBody(over)] });
    expect(results).toEqual([{ task_id: expect.stringMatching(TASK_ID) }, { error: { code: 400, message: said } }]);
  });

  it.each([
    '',
    '[]',
    '7',
    'null',
    '"x"',
    '{',
    '{"data":{"__proto__":{}}}',
    Buffer.from([0x7b, 0xff]).toString('latin1'),
  ])('the body %j', async (body) => {
    expect((await client.refused('POST', 'put', body))[0]).toBe(400);
  });

  it('data that is nested deeper than the parsers of workers can read', async () => {
    const deep = `{"queue":"chat","endpoint":"/v1/x","data":${'{"a":'.repeat(201)}1${'}'.repeat(201)}}`;
    expect(await client.refused('POST', 'put', deep)).toEqual([400, "Invalid 'data': nested deeper than 200 levels."]);
    const { results } = await client.post('put/bulk', `{"tasks":[${JSON.stringify(putBody({ level: 9 }))},${deep}]}`);
    expect(results).toEqual([
      { task_id: expect.stringMatching(TASK_ID) },
      { error: { code: 400, message: "Invalid 'tasks.1.data': nested deeper than 200 levels." } },
    ]);
  });

  it('a body that is no JSON by its type, or too large', async () => {
    const authorization = `Bearer ${server.adminKey}`;
    const plain = await server.fetch('/v1/queue/put', { method: 'POST', headers: { authorization }, body: '{}' });
    expect([plain.status, await plain.json()]).toMatchObject([415, { code: 415 }]);
    const large = JSON.stringify(putBody({ data: { text: 'x'.repeat(17 * 1024 * 1024) } }));
    const text = 'The request body is too large: it may have 16MiB at most, as MILLRACE_MAX_BODY of the server says.';
    expect(await client.refused('POST', 'put', large)).toEqual([413, text]);
  });

  it('and leaves nothing behind', async () => {
    const before = (await client.get('chat:0/stats')).total_put_cnt;
    for (const [over] of BAD.slice(0, 3)) await client.refused('POST', 'put', putBody(over));
    expect((await client.get('chat:0/stats')).total_put_cnt).toBe(before);
  });

  it('fields that nobody knows do no harm', async () => {
    expect((await put({ nonsense: { deep: [1] }, level: 9 })).status).toBe(200);
  });
});

describe('many tasks at once', () => {
  it('are each answered by itself, in its place', async () => {
    const tasks = Array.from({ length: 1_000 }, (_, n) => {
      const data = { n, model: 'm' };
      return n % 100 === 7 ? { queue: n % 200 === 7 ? 'nowhere' : 'chat', data } : putBody({ data, level: 5 });
    });
    const { results } = await client.post('put/bulk', { tasks });
    expect(results).toHaveLength(1_000);
    const refused = results.flatMap((result: Json, n: number) => (result.error ? [[n, result.error.message]] : []));
    const why = ["No queue is named 'nowhere'.", 'endpoint cannot be null'];
    expect(refused).toEqual(Array.from({ length: 10 }, (_, i) => [i * 100 + 7, why[i % 2]]));
    const ids = results.flatMap((result: Json) => result.task_id ?? []);
    expect(new Set(ids).size).toBe(990);
    const { tasks: shown } = await client.post('get', { task_ids: [ids[0], ids[500], ids[989]] });
    expect(shown.map(({ data }: Json) => data.n)).toEqual([0, 505, 999]);
  });

  it('wait in their order', async () => {
    const tasks = [3, 1, 2].map((n) => putBody({ data: { n }, level: 6 }));
    const { results } = await client.post('put/bulk', { tasks });
    const taken = await client.take('chat:6');
    expect(idsOf(taken)).toEqual(results.map(({ task_id: id }: Json) => id));
    expect(taken.map(({ data }) => data.n)).toEqual([3, 1, 2]);
  });

  it.each([
    [{}, "Missing required parameter: 'tasks'."],
    [{ tasks: {} }, "Invalid type for 'tasks': expected an array, but got an object instead."],
    [{ tasks: [] }, "Invalid 'tasks': expected 1 to 1000 tasks, but got 0 instead."],
    [
      { tasks: Array.from({ length: 1_001 }, () => ({})) },
      "Invalid 'tasks': expected 1 to 1000 tasks, but got 1001 instead.",
    ],
  ])('are not %j', async (body, message) => {
    expect(await client.refused('POST', 'put/bulk', body)).toEqual([400, message]);
  });

  it('are tasks, and callbacks only', async () => {
    const items = [7, null, 'x', [], putBody({ response_mode: 'blocking' })];
    const { results } = await client.post('put/bulk', { tasks: items });
    expect(results.map(({ error }: Json) => [error.code, error.message])).toEqual([
      [400, "Invalid type for 'tasks.0': expected an object, but got an integer instead."],
      [400, "Invalid type for 'tasks.1': expected an object, but got null instead."],
      [400, "Invalid type for 'tasks.2': expected an object, but got a string instead."],
      [400, "Invalid type for 'tasks.3': expected an object, but got an array instead."],
      [400, 'Unsupported response mode: blocking. Many tasks can be put in callback mode only.'],
    ]);
  });
});

describe('an Idempotency-Key', () => {
  const withKey = (key: string, over: object = {}) => put({ level: 7, ...over }, { 'idempotency-key': key });

  it('makes one task of many requests, also over a restart', async () => {
    const answers = await Promise.all(Array.from({ length: 8 }, () => withKey('same')));
    const ids = answers.map(({ body }) => body.data);
    expect(new Set(ids).size).toBe(1);
    await server.kill();
    await server.restart();
    const again = await withKey('same');
    expect([again.body.data, again.headers.get('x-millrace-task-id')]).toEqual([ids[0], ids[0]]);
    expect(idsOf(await client.take('chat:7'))).toEqual([ids[0]]);
  });

  it.each([
    { data: { n: 2 } },
    { level: 1 },
    { queue: 'other' },
    { trace_id: 't' },
    { timeout: 9 },
    { delay: 9 },
    { response_mode: 'blocking' },
    { callback_url: 'http://127.0.0.1:9998/' },
  ])('is not used for something else: %j', async (over) => {
    const key = `else-${JSON.stringify(over)}`;
    await withKey(key);
    const { status, body } = await withKey(key, over);
    expect([status, body.code, body.message]).toEqual([422, 422, expect.stringContaining('dempotency')]);
  });

  it('is of one tenant', async () => {
    await acme.post('register', { queue: 'mine', endpoint: '/v1/x' });
    const of = (who: PullWorker, queue: string) =>
      who.ask('POST', 'put', { ...putBody(), queue, level: 7 }, { headers: { 'idempotency-key': 'tenants' } });
    expect((await of(client, 'chat')).body.data).not.toBe((await of(acme, 'mine')).body.data);
  });

  it('has a length', async () => {
    expect((await withKey('k'.repeat(255))).status).toBe(200);
    expect((await withKey('k'.repeat(256))).body).toMatchObject({
      code: 400,
      message: "Invalid 'Idempotency-Key': expected at most 255 characters.",
    });
  });
});
