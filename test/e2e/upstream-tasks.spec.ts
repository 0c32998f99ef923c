/** Single tasks that an upstream works off: their callers wait, listen, hang up, and the server dies under them. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ConsoleClient, type Json } from '../support/console.js';
import { askedIn, ECHO, ScriptedUpstream } from '../support/scripted-upstream.js';
import { TestServer } from '../support/server.js';
import { startTestSim, type TestSim } from '../support/sim.js';
import { StreamCall } from '../support/stream-client.js';
import { until } from '../support/until.js';

const ENDPOINT = '/v1/chat/completions';

let sim: TestSim;
let server: TestServer;

beforeAll(async () => {
  sim = await startTestSim();
  server = await TestServer.start({ MILLRACE_UPSTREAM_URL: sim.url, MILLRACE_UPSTREAM_CONCURRENCY: '4' });
});
beforeEach(async () => {
  await sim.change({ latencyMs: 0, timeToFirstTokenMs: 0, tokensPerSecond: 0 });
  await sim.reset();
});
afterAll(async () => {
  await server.close();
  await sim.close();
});

let asked = 0;
/** A chat request that no other test makes. */
const chat = (words: string | null = null, over: object = {}) => ({
  model: 'demo',
  messages: [{ role: 'user', content: `Say a few words about number ${(asked += 1)}.` }],
  ...(words === null ? {} : { metadata: { sim: words } }),
  ...over,
});
const streamed = (words: string | null = null, over: object = {}) => ({
  endpoint: ENDPOINT,
  data: chat(words, { stream: true, stream_options: { include_usage: true }, ...over }),
});
const post = (body: object): Promise<Response> =>
  server.fetch('/v1/queue/put', {
    method: 'POST',
    headers: { authorization: `Bearer ${server.adminKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ endpoint: ENDPOINT, response_mode: 'blocking', ...body }),
  });
const taskOf = async (id: string): Promise<Json> => (await server.fetch(`/v1/queue/${id}`)).json();
const endOf = (id: string): Promise<Json> =>
  until(
    () => taskOf(id),
    ({ state }) => ['completed', 'failed', 'expired', 'cancelled'].includes(state as string),
  );
const attemptsOf = async (id: string): Promise<Json> => (await server.fetch(`/v1/queue/${id}/attempts`)).json();

describe('a caller who waits', () => {
  it("gets the upstream's answer, byte for byte", async () => {
    const data = chat();
    const direct = await fetch(`${sim.url}/chat/completions`, { method: 'POST', body: JSON.stringify(data) });
    const response = await post({ data });
    expect(response.status).toBe(200);
    expect(await response.text()).toBe(await direct.text());
  });

  it('gets it at the pace of the upstream, as many at once as it takes', async () => {
    await sim.change({ latencyMs: 500 });
    const answers = await Promise.all(Array.from({ length: 8 }, () => post({ data: chat() })));
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 8 }, () => 200));
    expect((await sim.stats()).maxInFlight).toBe(4);
  });

  it.each([400, 404, 422])("gets the upstream's %d with its words", async (status) => {
    const response = await post({ data: chat(`status_${status}`) });
    expect(response.status).toBe(status);
    expect((await response.json()) as Json).toMatchObject({ error: { message: expect.any(String) } });
    expect((await sim.stats()).requests).toBe(1);
  });

  it('gets an error of the upstream after a second try', async () => {
    const response = await post({ data: chat('status_500') });
    expect(response.status).toBe(500);
    expect((await response.json()) as Json).toMatchObject({ error: { message: expect.any(String) } });
    expect((await sim.stats()).requests).toBe(2);
  });

  it('does not hear of an error that a second try makes good', async () => {
    expect((await post({ data: chat('status_500_once') })).status).toBe(200);
  });

  it('waits while the upstream asks for a pause, but not longer than he can', async () => {
    await sim.change({ retryAfterSeconds: 0.3 });
    expect((await post({ data: chat('status_429_once') })).status).toBe(200);
    await sim.change({ retryAfterSeconds: 30 });
    const response = await post({ data: chat('status_429'), timeout: 5 });
    expect(response.status).toBe(429);
    expect((await response.json()) as Json).toMatchObject({ error: { type: expect.any(String) } });
  });

  it('ends the call when he hangs up', async () => {
    const leaving = new AbortController();
    const init = {
      method: 'POST',
      headers: { authorization: `Bearer ${server.adminKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({ endpoint: ENDPOINT, response_mode: 'blocking', data: chat('hang') }),
      signal: leaving.signal,
    };
    const answer = server.fetch('/v1/queue/put', init).catch(() => null);
    await until(
      () => sim.stats(),
      ({ inFlight }) => inFlight === 1,
    );
    leaving.abort();
    expect(await answer).toBeNull();
    await until(
      () => sim.stats(),
      ({ inFlight }) => inFlight === 0,
    );
  });

  it('ends the call when his time is over', async () => {
    const response = await post({ data: chat('hang'), timeout: 1 });
    expect(response.status).toBe(408);
    await until(
      () => sim.stats(),
      ({ inFlight }) => inFlight === 0,
    );
  });
});

it('a queue that workers might pull from gets nothing that did not ask for it, while `default` has an upstream', async () => {
  const headers = { authorization: `Bearer ${server.adminKey}`, 'content-type': 'application/json' };
  const body = JSON.stringify({ queue: 'workers-of-chat', endpoint: ENDPOINT });
  expect((await server.fetch('/v1/queue/register', { method: 'POST', headers, body })).status).toBe(200);
  expect((await post({ data: chat() })).status).toBe(200);
  const named = await post({ data: chat(), queue: 'workers-of-chat', response_mode: 'callback' });
  expect(await taskOf(((await named.json()) as Json).data)).toMatchObject({ queue: 'workers-of-chat', state: 'ready' });
});

describe('an endpoint that no upstream has', () => {
  const BAD = [
    '/v1/../../admin',
    'v1/chat/completions',
    'https://api.example.com/v1/chat/completions',
    '/v1/x?a=b',
    '//x',
  ];
  const refusalOf = (endpoint: string, queue = 'default') =>
    `Invalid 'endpoint': it is '${endpoint}'. The upstream of the queue '${queue}' needs a path such as '/v1/chat/completions'.`;

  it.each(['blocking', 'streaming', 'callback'])('is refused before there is a task, in %s mode', async (mode) => {
    for (const queue of ['default', undefined]) {
      for (const endpoint of BAD) {
        const response = await post({ endpoint, data: chat(), queue, response_mode: mode });
        expect([response.status, response.headers.get('x-millrace-task-id')]).toEqual([400, null]);
        expect(((await response.json()) as Json).message).toBe(refusalOf(endpoint));
      }
    }
    expect((await sim.stats()).requests).toBe(0);
  });

  it('is refused among many tasks, without the others', async () => {
    const tasks = [...BAD, ENDPOINT].map((endpoint) => ({ endpoint, data: chat() }));
    const { results } = (await (
      await server.fetch('/v1/queue/put/bulk', {
        method: 'POST',
        headers: { authorization: `Bearer ${server.adminKey}`, 'content-type': 'application/json' },
        body: JSON.stringify({ tasks }),
      })
    ).json()) as Json;
    expect(results.slice(0, -1)).toEqual(
      BAD.map((endpoint) => ({ error: { code: 400, message: refusalOf(endpoint) } })),
    );
    expect(await endOf(results.at(-1).task_id)).toMatchObject({ state: 'completed' });
  });

  it('of none at all is refused where the queue has none either', async () => {
    const response = await post({ endpoint: undefined, type: 'x', data: chat(), queue: 'default' });
    expect(response.status).toBe(400);
    expect(((await response.json()) as Json).message).toContain("Invalid 'endpoint': there is none.");
  });

  it('is the business of workers in a queue that has no upstream, and ends the task once that has one', async () => {
    const admin = new ConsoleClient(server);
    await admin.post('queues', { name: 'pulled', consumers: ['pull'] });
    const response = await post({ endpoint: 'my-work', data: chat(), queue: 'pulled', response_mode: 'callback' });
    expect(response.status).toBe(200);
    const { data: id } = (await response.json()) as { data: string };
    await admin.patch('queues/pulled', { consumers: ['pull', 'upstream'], upstream: 'default' });
    expect(await endOf(id)).toMatchObject({ state: 'failed', result: { error: { code: 'invalid_endpoint' } } });
    expect((await sim.stats()).requests).toBe(0);
    const late = await post({ endpoint: 'my-work', data: chat(), queue: 'pulled', response_mode: 'callback' });
    expect([late.status, ((await late.json()) as Json).message]).toEqual([400, refusalOf('my-work', 'pulled')]);
  });
});

describe('a task in callback mode', () => {
  it('is kept with its answer, however large', async () => {
    const response = await post({ data: chat('big_200kb'), response_mode: 'callback' });
    const { data: id } = (await response.json()) as { data: string };
    const task = await endOf(id);
    expect(task).toMatchObject({ state: 'completed', result: { status_code: 200 } });
    expect(JSON.stringify(task.result.body).length).toBeGreaterThan(200_000);
  });

  it('may have a large body', async () => {
    const large = 'x'.repeat(300_000);
    const response = await post({ data: chat(null, { user: large }) });
    expect(response.status).toBe(200);
  });

  it('that is cancelled is not called any more', async () => {
    const response = await post({ data: chat('hang'), response_mode: 'callback' });
    const { data: id } = (await response.json()) as { data: string };
    await until(
      () => sim.stats(),
      ({ inFlight }) => inFlight === 1,
    );
    expect((await server.fetch(`/v1/queue/${id}/cancel`, { method: 'POST', ...auth() })).status).toBe(202);
    await until(
      () => sim.stats(),
      ({ inFlight }) => inFlight === 0,
    );
    expect(await taskOf(id)).toMatchObject({ state: 'cancelled' });
  });
});

const auth = () => ({ headers: { authorization: `Bearer ${server.adminKey}` } });

describe('a stream', () => {
  it('is what the upstream says, chunk by chunk, and is kept', async () => {
    const body = streamed();
    const direct = await fetch(`${sim.url}/chat/completions`, { method: 'POST', body: JSON.stringify(body.data) });
    const said = [...(await direct.text()).matchAll(/^data: (.*)$/gm)].map(([, data]) => data);
    const call = await StreamCall.open(server, body);
    expect((await call.rest()).map(({ data }) => data)).toEqual(said);
    expect(said.at(-1)).toBe('[DONE]');
    expect(await endOf(call.taskId)).toMatchObject({
      state: 'completed',
      result: { status_code: 200, body: { usage: { prompt_tokens: expect.any(Number) } } },
    });
    const again = await server.fetch(`/v1/queue/${call.taskId}/events`);
    expect([...(await again.text()).matchAll(/^data:(.*)$/gm)].map(([, data]) => data)).toEqual(said);
  });

  it('comes as it is said, not at its end', async () => {
    await sim.change({ timeToFirstTokenMs: 50, tokensPerSecond: 2 });
    const call = await StreamCall.open(server, streamed());
    expect(JSON.parse((await call.next())!.data)).toMatchObject({ object: 'chat.completion.chunk' });
    expect((await sim.stats()).inFlight).toBe(1);
    expect(await taskOf(call.taskId)).toMatchObject({ state: 'leased' });
    call.hangUp();
    await until(
      () => sim.stats(),
      ({ inFlight }) => inFlight === 0,
    );
    expect(await endOf(call.taskId)).toMatchObject({ state: 'cancelled' });
  });

  it('of an upstream that does not stream is one frame', async () => {
    const call = await StreamCall.open(server, { endpoint: ENDPOINT, data: chat() });
    const frames = await call.rest();
    expect(frames).toHaveLength(1);
    expect(JSON.parse(frames[0]!.data)).toMatchObject({ object: 'chat.completion' });
  });

  it.each([
    ['status_400', 400, 1],
    ['status_500', 500, 2],
  ])('that is refused with %s ends with %d, after %d tries', async (words, status, tries) => {
    const call = await StreamCall.open(server, streamed(words));
    const [frame, ...others] = await call.rest();
    expect(others).toEqual([]);
    expect(frame).toMatchObject({ event: 'error' });
    expect(JSON.parse(frame!.data)).toMatchObject({ status_code: status });
    expect(await endOf(call.taskId)).toMatchObject({ state: 'completed', result: { status_code: status } });
    expect((await sim.stats()).requests).toBe(tries);
  });

  it.each(['reset', 'truncated'])('that breaks in the middle (%s) is not begun again', async (words) => {
    const call = await StreamCall.open(server, streamed(words));
    const frames = await call.rest();
    expect(frames.length).toBeGreaterThan(1);
    expect(frames.at(-1)).toMatchObject({ event: 'error' });
    expect(JSON.parse(frames.at(-1)!.data)).toMatchObject({ error: { code: 'stream_interrupted' } });
    expect(await endOf(call.taskId)).toMatchObject({ state: 'failed' });
    expect((await sim.stats()).requests).toBe(1);
  });

  it('that breaks before it has said anything is begun again', async () => {
    const call = await StreamCall.open(server, streamed('drop_once'));
    expect((await call.rest()).at(-1)).toMatchObject({ event: null, data: '[DONE]' });
    expect(await attemptsOf(call.taskId)).toMatchObject({ data: [{ outcome: 'failed' }] });
  });
});

describe('when the server is killed', () => {
  it('a stream that has begun has failed, one that has said nothing is run again', async () => {
    const upstream = await ScriptedUpstream.start(() => new Promise<never>(() => {}));
    const admin = new ConsoleClient(server);
    await admin.post('upstreams', { name: 'silent', base_url: upstream.url });
    await admin.post('queues', { name: 'silent', upstream: 'silent' });
    await sim.change({ timeToFirstTokenMs: 10, tokensPerSecond: 1 });
    const begun = await StreamCall.open(server, streamed());
    await begun.next();
    await until(
      async () => (await server.fetch(`/v1/queue/${begun.taskId}`)).json() as Promise<Json>,
      ({ state }) => state === 'leased',
    );
    const silent = await StreamCall.open(server, { ...streamed(), queue: 'silent' });
    await upstream.requests.first(1);
    // The first event was stored before the second could come; a look at it makes sure.
    const events = await fetch(`${server.url}/v1/queue/${begun.taskId}/events`, auth());
    await events.body!.getReader().read();
    await Promise.all([server.kill(), begun.rest().catch(() => []), silent.rest().catch(() => [])]);
    upstream.answerWith(() => ({
      headers: { 'content-type': 'text/event-stream' },
      body: 'data: {"n":1}\n\ndata: [DONE]\n\n',
    }));
    await server.restart();
    expect(await endOf(begun.taskId)).toMatchObject({ state: 'failed' });
    expect(JSON.stringify(await taskOf(begun.taskId))).toContain('stream_interrupted');
    expect(await endOf(silent.taskId)).toMatchObject({ state: 'completed' });
    const told = await server.fetch(`/v1/queue/${silent.taskId}/events`);
    expect(await told.text()).toContain('data:[DONE]');
    await upstream.close();
  });
});

describe('levels', () => {
  it('a task of level 0 gets the very next permit, however many of level 1 wait', async () => {
    const held: (() => void)[] = [];
    let isHolding = false;
    const upstream = await ScriptedUpstream.start(async (request) => {
      if (isHolding) await new Promise<void>((resolve) => held.push(resolve));
      return ECHO(request);
    });
    const admin = new ConsoleClient(server);
    await admin.post('upstreams', { name: 'narrow', base_url: upstream.url, concurrency: 2 });
    await admin.post('queues', { name: 'narrow', upstream: 'narrow' });
    const taskAt = (level: number, content: string) => ({
      queue: 'narrow',
      level,
      endpoint: ENDPOINT,
      data: { model: 'demo', messages: [{ role: 'user', content }] },
    });
    const tasks = Array.from({ length: 900 }, () => taskAt(1, 'offline'));
    expect((await post({ ...taskAt(1, 'offline'), response_mode: 'callback' })).status).toBe(200);
    const bulk = { method: 'POST', headers: { ...auth().headers, 'content-type': 'application/json' } };
    const answer = await server.fetch('/v1/queue/put/bulk', { ...bulk, body: JSON.stringify({ tasks }) });
    expect(answer.status).toBe(200);
    // By then tasks of level 1 are leased ahead, for the next permits.
    await upstream.requests.first(200);
    isHolding = true;
    for (let round = 0; round < 5; round += 1) {
      await until(
        () => held.length,
        (count) => count === 2,
      );
      const seen = upstream.requests.items.length;
      const online = post(taskAt(0, 'online'));
      await until(
        async () => (await admin.lanes())['narrow:0'],
        (lane) => lane?.ready === 1,
      );
      held.shift()!();
      await upstream.requests.first(seen + 1);
      expect(askedIn(upstream.requests.items[seen]!)).toBe('online');
      await until(
        () => held.length,
        (count) => count === 2,
      );
      held.pop()!();
      expect((await online).status).toBe(200);
    }
    await upstream.close();
  });
});
