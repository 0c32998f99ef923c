/** Callbacks of tasks as their submitters follow them: put, delivered, looked at, sent once more. */
import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConsoleClient, type Json } from '../support/console.js';
import { PullWorker } from '../support/pull-worker.js';
import { ScriptedUpstream, type UpstreamRequest } from '../support/scripted-upstream.js';
import { TestServer } from '../support/server.js';
import { until } from '../support/until.js';

let server: TestServer;
let client: PullWorker;
let receiver: ScriptedUpstream;
let secret: string;

beforeAll(async () => {
  server = await TestServer.start({ MILLRACE_CALLBACK_ALLOW: '127.0.0.1' });
  client = new PullWorker(server);
  await client.makeQueue('chat');
  ({ secret } = await new ConsoleClient(server).post('tenants/default/webhook-secret', {}));
  receiver = await ScriptedUpstream.start(() => ({ body: '{}' }));
});

afterAll(async () => {
  await server.close();
  await receiver.close();
});

const put = (over: object = {}) => client.put('chat', { callback_url: receiver.url.replace('/v1', '/hook'), ...over });

/** The callback of a task once it was delivered so often. */
const delivered = async (id: string, times = 1): Promise<Json> => {
  const seen = await until(
    async () => (await client.get(`${id}/callbacks`)).data,
    ([callback]) => callback?.state === 'delivered' && callback.attempts.length === times,
  );
  return seen[0];
};

const received = (id: string): UpstreamRequest[] =>
  receiver.requests.items.filter(({ headers }) => headers['x-millrace-task-id'] === id);

function verified({ body, headers }: UpstreamRequest): Json {
  const signed = Object.fromEntries(Object.entries(headers).filter(([name]) => name.startsWith('webhook-')));
  return new Webhook(secret).verify(body, signed as Record<string, string>);
}

describe('the callback of a task', () => {
  // The default level and strategy are those with which tasks are handed in and taken most.
  it.each(['fifo', 'round_robin', 'active_passive', 'sequential'])(
    'comes at level 0, taken by %s',
    async (strategy) => {
      const id = await put();
      const [task] = await client.take('chat:0', { strategy });
      await client.complete(task!, { n: 1 });
      const callback = await delivered(id);
      expect(callback).toEqual({
        id: expect.stringMatching(/^callback_/),
        url: receiver.url.replace('/v1', '/hook'),
        state: 'delivered',
        tries: 1,
        next_time: null,
        created_time: expect.any(Number),
        ended_time: expect.any(Number),
        attempts: [
          { start_time: expect.any(Number), took_ms: expect.any(Number), status_code: 200, error: null, answer: '{}' },
        ],
      });
      const [request, ...others] = received(id);
      expect(others).toEqual([]);
      expect(verified(request!)).toMatchObject({ status_code: 200, body: { n: 1 } });
      expect(request!.headers['webhook-id']).toBe(callback.id);
    },
  );

  it.each([
    ['kept in its row', 'short'],
    ['too large for a row', 'x'.repeat(100_000)],
  ])('says all that its worker said, %s, and so does the task', async (_, text) => {
    const said = { status_code: 200, body: { text }, error: { code: 'k' }, stream: true, extra: [1] };
    const id = await put();
    const [task] = await client.take('chat:0');
    await client.post(`${id}/complete`, { ...said, lease_token: task!.lease_token });
    await delivered(id);
    const result = { ...said, request_id: id };
    expect(verified(received(id)[0]!)).toEqual(result);
    expect(await client.task(id)).toMatchObject({ status: 'succeeded', state: 'completed', result });
    expect((await client.task(id)).result).toEqual(result);
  });

  it('is sent once more when it is asked for, under its id', async () => {
    const id = await put({ level: 1 });
    await client.complete(await client.takeOne('chat:1'));
    const callback = await delivered(id);
    const answer = await client.post(`${id}/callbacks/${callback.id}/replay`);
    expect(answer).toMatchObject({ id: callback.id, state: 'waiting', ended_time: null });
    await delivered(id, 2);
    expect(received(id).map(({ headers }) => headers['webhook-id'])).toEqual([callback.id, callback.id]);
    const acts = (await new ConsoleClient(server).get('audit')).data;
    expect(acts[0]).toMatchObject({ action: 'callback.replay' });
  });

  it('tells of a task that was cancelled, too', async () => {
    const id = await put({ level: 2 });
    await client.cancelled(id);
    await delivered(id);
    expect(verified(received(id)[0]!)).toMatchObject({ status_code: 499, error: { code: 'cancelled' } });
  });

  it('is not there before the task has ended, nor for one without', async () => {
    expect(await client.get(`${await put({ level: 9 })}/callbacks`)).toEqual({ data: [] });
    const id = await client.put('chat', { level: 3 });
    await client.complete(await client.takeOne('chat:3'));
    expect(await client.get(`${id}/callbacks`)).toEqual({ data: [] });
  });

  it('is not sent again by those who have no such callback', async () => {
    const id = await put({ level: 4 });
    await client.complete(await client.takeOne('chat:4'));
    const { id: callbackId } = await delivered(id);
    const other = await client.put('chat', { level: 9 });
    const { token } = await new ConsoleClient(server).post('keys', { name: 'x', tenant: 'rival', scopes: ['tasks'] });
    const rival = new PullWorker(server, token);
    for (const [who, path] of [
      [client, `${id}/callbacks/callback_nobody/replay`],
      [client, `${other}/callbacks/${callbackId}/replay`],
      [rival, `${id}/callbacks/${callbackId}/replay`],
    ] as const) {
      expect((await who.refused('POST', path))[0]).toBe(404);
    }
    expect(received(id)).toHaveLength(1);
  });
});

describe('the callback of a dead letter', () => {
  /** A task that has failed, and whose receiver would not hear of it. */
  async function unheard(level: number): Promise<string> {
    receiver.answerWith(() => ({ status: 503, headers: { 'retry-after': '3600' }, body: '' }));
    const id = await put({ level });
    const { lease_token } = await client.takeOne(`chat:${level}`);
    await client.post(`${id}/fail`, { lease_token, retryable: false, error: { code: 'broken', message: 'It broke.' } });
    await until(
      async () => (await client.get(`${id}/callbacks`)).data,
      ([callback]) => callback?.state === 'waiting' && callback.attempts.length === 1,
    );
    receiver.answerWith(() => ({ body: '{}' }));
    return id;
  }

  it('is withdrawn when the task is sent back: its new end is told, once', async () => {
    const id = await unheard(5);
    await client.post(`${id}/redrive`);
    expect(await client.get(`${id}/callbacks`)).toEqual({ data: [] });
    await client.complete(await client.takeOne('chat:5'), { n: 2 });
    const callback = await delivered(id);
    expect((await client.get(`${id}/callbacks`)).data).toHaveLength(1);
    const [failed, done, ...others] = received(id);
    expect(verified(failed!)).toMatchObject({ status_code: 500, error: { code: 'broken' } });
    expect(verified(done!)).toMatchObject({ status_code: 200, body: { n: 2 } });
    expect([done!.headers['webhook-id'], others]).toEqual([callback.id, []]);
  });

  it('is withdrawn when the task is dropped with others', async () => {
    const ids = [await unheard(7), await unheard(7)];
    const replays = await Promise.all(
      ids.map(async (id) => `${id}/callbacks/${(await client.get(`${id}/callbacks`)).data[0].id}/replay`),
    );
    expect(await client.post('dead/drop', { task_ids: ids })).toEqual({ dropped: 2 });
    for (const replay of replays) expect((await client.refused('POST', replay))[0]).toBe(404);
    for (const id of ids) expect(received(id)).toHaveLength(1);
  });

  it('that was delivered is not sent again once the task was sent back', async () => {
    const id = await unheard(6);
    const [{ id: callbackId }] = (await client.get(`${id}/callbacks`)).data;
    await client.post(`${id}/callbacks/${callbackId}/replay`);
    await delivered(id, 2);
    await client.post(`${id}/redrive`);
    expect(await client.refused('POST', `${id}/callbacks/${callbackId}/replay`)).toEqual([
      409,
      `The callback '${callbackId}' told how the task ended before it was sent back, and cannot be sent again.`,
    ]);
    expect(received(id)).toHaveLength(2);
  });
});
