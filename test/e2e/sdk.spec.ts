/** The client and the worker of the SDK against the server, which is killed under them. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Answer, LeaseLost, MillraceClient, RetryLater, Worker } from '../../src/sdk/index.js';
import type { Handler } from '../../src/sdk/index.js';
import { ConsoleClient } from '../support/console.js';
import { Gate, Inbox } from '../support/inbox.js';
import { TestServer } from '../support/server.js';
import { until } from '../support/until.js';

let server: TestServer;
let client: MillraceClient;
let workers: Worker[] = [];
const errors: unknown[] = [];

const TASK = { queue: 'gpu', endpoint: '/v1/words' };

beforeAll(async () => {
  server = await TestServer.start();
  await new ConsoleClient(server).post('queues', { name: 'gpu', consumers: ['pull'] });
  client = new MillraceClient({ url: server.url, key: server.adminKey });
});

afterEach(async () => {
  await Promise.all(workers.map((worker) => worker.stop(0)));
  workers = [];
});

afterAll(() => server.close());

function work(handler: Handler, options: { concurrency?: number; leaseMs?: number; queues?: string[] } = {}): Worker {
  const onError = (error: unknown) => errors.push(error);
  const account = { url: server.url, key: server.adminKey };
  const worker = new Worker({ ...account, queues: ['gpu:0', 'gpu:1'], handler, onError, ...options });
  workers.push(worker);
  void worker.run();
  return worker;
}

const ended = (id: string) =>
  until(
    () => client.get(id),
    (task) => task !== null && task.endedAt !== null,
  );

describe('a task', () => {
  it('goes to a worker and comes back with its answer', async () => {
    work(({ data }) => ({ said: (data as { text: string }).text }));
    const id = await client.put({ ...TASK, data: { text: 'Größe' }, traceId: 'order-7' });
    expect(await ended(id)).toMatchObject({
      id,
      queue: 'gpu',
      level: 0,
      endpoint: '/v1/words',
      mode: 'callback',
      state: 'completed',
      traceId: 'order-7',
      data: { text: 'Größe' },
      result: { statusCode: 200, body: { said: 'Größe' }, error: null },
    });
  });

  it('is found by its id and in lists', async () => {
    const ids = await client.putMany([1, 2, 3].map((n) => ({ ...TASK, level: 1, data: { n } })));
    expect((await client.getMany([ids[1] as string, 'task_unknown'])).map((task) => task?.data ?? null)).toEqual([
      { n: 2 },
      null,
    ]);
    const listed: string[] = [];
    for await (const { id } of client.list({ queue: 'gpu', state: 'ready' })) listed.push(id);
    expect(listed).toEqual(ids.toReversed());
    for (const id of ids) await client.cancel(id as string);
    expect((await client.getMany(ids as string[])).map((task) => task?.state)).toEqual(Array(3).fill('cancelled'));
  });

  it('refused in a list is told in its place', async () => {
    const [id, error] = await client.putMany([
      { ...TASK, data: {} },
      { ...TASK, queue: 'none', data: {} },
    ]);
    expect(error).toMatchObject({ status: 400, message: "No queue is named 'none'." });
    await client.cancel(id as string);
  });

  it('is made once for one key', async () => {
    const options = { idempotencyKey: 'once' };
    const id = await client.put({ ...TASK, data: {} }, options);
    expect(await client.put({ ...TASK, data: {} }, options)).toBe(id);
    await client.cancel(id);
  });

  it('that the worker cannot do yet is tried again', async () => {
    let tries = 0;
    work(() => {
      if ((tries += 1) === 1) throw new RetryLater('The model loads.', 0);
      return { tries };
    });
    const { body } = await client.call({ ...TASK, data: {} });
    expect(body).toEqual({ tries: 2 });
  });

  it('that is cancelled fires the signal of who works on it', async () => {
    const started = new Inbox<string>();
    const reasons = new Inbox<unknown>();
    work(
      async ({ id }, { signal }) => {
        started.add(id);
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
        reasons.add(signal.reason);
      },
      { leaseMs: 1_000 },
    );
    const id = await client.put({ ...TASK, data: {} });
    await started.first(1);
    await client.cancel(id);
    expect((await reasons.first(1))[0]).toBeInstanceOf(LeaseLost);
    expect(await client.get(id)).toMatchObject({ state: 'cancelled' });
  });

  it('goes back from a worker that stops, to the next', async () => {
    const started = new Inbox<string>();
    const first = work(({ id }) => {
      started.add(id);
      return new Promise(() => {});
    });
    const id = await client.put({ ...TASK, data: {} });
    await started.first(1);
    await first.stop(0);
    expect(await client.get(id)).toMatchObject({ state: 'ready', tries: 0 });
    work(() => ({ by: 'the next' }));
    expect((await ended(id))!.result!.body).toEqual({ by: 'the next' });
  });
});

describe('a call', () => {
  it('gets the answer with its status', async () => {
    work(() => new Answer(422, { error: { message: 'No such voice.' } }));
    const { taskId, ...answer } = await client.call({ ...TASK, data: {} });
    expect(answer).toEqual({ statusCode: 422, body: { error: { message: 'No such voice.' } } });
    expect(await client.get(taskId)).toMatchObject({ state: 'completed', mode: 'blocking' });
  });

  it('rejects when nobody is there in time, and its task is cancelled', async () => {
    const error: unknown = await client
      .call({ ...TASK, data: {}, timeoutMs: 1_000 })
      .catch((reason: unknown) => reason);
    expect(error).toMatchObject({ name: 'ApiError', status: 408, taskId: expect.stringMatching(/^task_/) });
    expect(await client.get((error as { taskId: string }).taskId)).toMatchObject({ state: 'cancelled' });
  });

  it.each(['SIGTERM', 'SIGKILL'] as const)('outlives the server, ended by %s', async (signal) => {
    const started = new Inbox<string>();
    const gate = new Gate();
    work(async ({ id }) => {
      started.add(id);
      await gate.opened;
      return { done: id };
    });
    const call = client.call({ ...TASK, data: {} });
    const [id] = await started.first(1);
    await server.kill(signal);
    await server.restart();
    gate.open();
    expect(await call).toEqual({ taskId: id, statusCode: 200, body: { done: id } });
  });
});

async function read(events: AsyncIterable<{ data: unknown }>): Promise<unknown[]> {
  const seen: unknown[] = [];
  for await (const { data } of events) seen.push(data);
  return seen;
}

describe('a stream', () => {
  it('brings what the worker says, in order, and again to who comes later', async () => {
    work(async (_task, { progress }) => {
      for (let n = 1; n <= 50; n += 1) void progress({ n }, { name: 'word' });
      await progress('[DONE]');
      return null;
    });
    const stream = await client.stream({ ...TASK, data: {} });
    const all = [...Array.from({ length: 50 }, (_, index) => ({ n: index + 1 })), '[DONE]'];
    expect(await read(stream)).toEqual(all);
    expect(await read(client.events(stream.taskId))).toEqual(all);
    expect(await read(client.events(stream.taskId, { after: '49' }))).toEqual(all.slice(49));
  });

  it('brings the answer of a worker that said nothing before', async () => {
    work(() => ({ all: 'at once' }));
    expect(await read(await client.stream({ ...TASK, data: {} }))).toEqual([{ all: 'at once' }]);
  });

  it('throws when the answer is an error', async () => {
    work(() => new Answer(400, { error: { code: 'bad_voice', message: 'No such voice.' } }));
    const reading = read(await client.stream({ ...TASK, data: {} }));
    await expect(reading).rejects.toMatchObject({ statusCode: 400, code: 'bad_voice', message: 'No such voice.' });
  });

  it.each(['SIGTERM', 'SIGKILL'] as const)('goes on where it was after the server, ended by %s', async (signal) => {
    const said = new Inbox<string>();
    const gate = new Gate();
    work(async (_task, { progress }) => {
      await progress('one');
      said.add('one');
      await gate.opened;
      await progress('two');
      return { all: 'one two' };
    });
    const reading = read(await client.stream({ ...TASK, data: {} }));
    await said.first(1);
    await server.kill(signal);
    await server.restart();
    gate.open();
    expect(await reading).toEqual(['one', 'two']);
  });
});

describe('queues', () => {
  it('are registered and looked at', async () => {
    expect(await client.queues.register('sdk-made', '/v1/words')).toBe('sdk-made');
    expect(await client.queues.metadata('sdk-made')).toMatchObject({ queue: 'sdk-made', endpoint: '/v1/words' });
    const id = await client.put({ queue: 'sdk-made', endpoint: '/v1/words', data: {}, level: 1 });
    expect(await client.queues.stats('sdk-made:1')).toMatchObject({ queue: 'sdk-made', level: 1, ready: 1, leased: 0 });
    expect((await client.queues.stats('sdk-made:1')).oldest_age_ms).toBeGreaterThanOrEqual(0);
    await client.cancel(id);
    expect((await client.queues.stats('sdk-made:1')).oldest_age_ms).toBeNull();
    expect(await client.queues.metadata('default')).toEqual({ queue: 'default', endpoint: null });
    expect(await client.queues.metadata('none')).toBeNull();
  });

  it('that there are not end the worker', async () => {
    const account = { url: server.url, key: server.adminKey, handler: () => null };
    await expect(new Worker({ ...account, queues: ['none:0'] }).run()).rejects.toMatchObject({ status: 400 });
    await expect(new Worker({ ...account, queues: ['gpu:0'], key: 'wrong' }).run()).rejects.toMatchObject({
      status: 401,
    });
  });
});
