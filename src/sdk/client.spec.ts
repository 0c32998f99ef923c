import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ScriptedUpstream, type ScriptedAnswer } from '../../test/support/scripted-upstream.js';
import { MillraceClient } from './client.js';
import type { TaskEvent } from './event-reader.js';

let server: ScriptedUpstream;
let client: MillraceClient;

beforeEach(async () => {
  server = await ScriptedUpstream.start();
  client = new MillraceClient({ url: `${server.url.replace('/v1', '')}/`, key: 'k' });
});

afterEach(() => server.close());

/** Answers one after the other, the last again and again. */
function answer(...answers: ScriptedAnswer[]): void {
  let next = 0;
  server.answerWith(() => answers[Math.min((next += 1), answers.length) - 1]!);
}

const json = (body: unknown, { status = 200, headers = {} } = {}): ScriptedAnswer => {
  return { status, headers: { 'x-millrace-task-id': 'task_1', ...headers }, body: JSON.stringify(body) };
};
const envelope = (status: number, message: string) => json({ code: status, message, timestamp: 1 }, { status });
const asked = () => server.requests.items.map(({ path, body }) => [path, body === '' ? null : JSON.parse(body)]);
const keys = () => server.requests.items.map(({ headers }) => headers['idempotency-key']);

const TASK = { queue: 'gpu', endpoint: '/v1/embeddings', data: { input: 'x' } };
const WIRE = {
  task_id: 'task_1',
  queue: 'gpu',
  level: 1,
  endpoint: '/v1/embeddings',
  status: 'succeeded',
  state: 'completed',
  tries: 1,
  start_time: 5,
  running_time: 2,
  expire_time: 9,
  completed_time: 7,
  response_mode: 'callback',
};

describe('put', () => {
  it('says what is to be done, with spans in seconds, and resolves with the id', async () => {
    answer(json({ code: 200, timestamp: 1, data: 'task_1' }));
    const options = { level: 1, timeoutMs: 1_500, delayMs: 100, callbackUrl: 'https://x.test/', traceId: 't' };
    expect(await client.put({ ...TASK, ...options }, { idempotencyKey: 'once' })).toBe('task_1');
    const sent = { level: 1, timeout: 2, delay: 1, callback_url: 'https://x.test/', trace_id: 't' };
    expect(asked()).toEqual([['/v1/queue/put', { ...TASK, ...sent, response_mode: 'callback' }]]);
    expect(server.requests.items[0]!.headers).toMatchObject({ authorization: 'Bearer k', 'idempotency-key': 'once' });
  });

  it('is said again under the same key while the server is away', async () => {
    answer(envelope(503, 'Stopping.'), json({ code: 200, timestamp: 1, data: 'task_1' }));
    expect(await client.put(TASK)).toBe('task_1');
    const [first, second] = keys();
    expect(first).toMatch(/^[0-9a-f-]{36}$/);
    expect(second).toBe(first);
  });

  it('passes refusals on, with what the server says to them', async () => {
    answer(json({ code: 429, message: 'Full.', timestamp: 1 }, { status: 429, headers: { 'retry-after': '3' } }));
    await expect(client.put(TASK)).rejects.toMatchObject({ status: 429, message: 'Full.', retryAfterMs: 3_000 });
    expect(server.requests.items).toHaveLength(1);
  });

  it('of many tells of each', async () => {
    answer(json({ results: [{ task_id: 'task_1' }, { error: { code: 400, message: 'data cannot be null' } }] }));
    const [id, error] = await client.putMany([TASK, TASK]);
    expect([id, error]).toEqual(['task_1', expect.objectContaining({ status: 400, message: 'data cannot be null' })]);
  });

  it('of many is sent again with its key, so that each is made once', async () => {
    answer(envelope(503, 'Stopping.'), json({ results: [{ task_id: 'task_1' }] }));
    expect(await client.putMany([TASK])).toEqual(['task_1']);
    expect(asked()[1]).toEqual(asked()[0]);
    expect(keys()).toEqual([expect.any(String), keys()[0]]);
  });
});

describe('call', () => {
  it.each([200, 422, 500])('resolves with the answer of the model when its status is %i', async (status) => {
    answer(json({ text: 'y' }, { status }));
    expect(await client.call(TASK)).toEqual({ taskId: 'task_1', statusCode: status, body: { text: 'y' } });
    expect(asked()[0]![1]).toEqual({ ...TASK, response_mode: 'blocking', timeout: 300 });
  });

  it('joins its task again when the server stops, with the same words', async () => {
    answer(envelope(503, 'Stopping.'), json({ text: 'y' }));
    expect(await client.call({ ...TASK, timeoutMs: 5_000 })).toMatchObject({ body: { text: 'y' } });
    expect(asked()[1]).toEqual(asked()[0]);
    expect(keys()[1]).toBe(keys()[0]);
  });

  it('is sent again when a proxy says that the server is away, but not when its task ended so', async () => {
    answer(
      { status: 502, headers: { 'content-type': 'text/html' }, body: '<h1>Bad gateway</h1>' },
      json({ text: 'y' }),
    );
    expect(await client.call(TASK)).toMatchObject({ body: { text: 'y' } });
    expect(keys()).toEqual([expect.any(String), keys()[0]]);
    answer(json({ error: 'no model' }, { status: 502 }));
    expect(await client.call(TASK)).toMatchObject({ statusCode: 502 });
  });

  it.each([
    ['had no answer in time', { status: 408, headers: { 'x-millrace-task-id': 'task_1' }, body: '' }, 408],
    ['failed', envelope(500, 'The worker was lost.'), 500],
    ['was refused', envelope(400, 'data cannot be null'), 400],
  ])('rejects when the task %s', async (_what, said, status) => {
    answer(said);
    await expect(client.call(TASK)).rejects.toMatchObject({ name: 'ApiError', status, taskId: 'task_1' });
  });
});

async function read(stream: AsyncIterable<TaskEvent>, into: unknown[] = []): Promise<unknown[]> {
  for await (const { data } of stream) into.push(data);
  return into;
}

const events = (text: string): ScriptedAnswer => {
  const headers = { 'content-type': 'text/event-stream', 'x-millrace-task-id': 'task_1' };
  return { headers, body: text };
};
/** Promises more than it sends. */
const cutOff = (text: string): ScriptedAnswer => {
  const { headers, body } = events(text);
  return { headers: { ...headers, 'content-length': '10000', connection: 'close' }, body };
};

describe('stream', () => {
  it('gives each event as it comes, and ends with the task', async () => {
    answer(events('id:1\ndata:{"a":1}\n\n: ping\n\nid:2\ndata:[DONE]\n\n'));
    const stream = await client.stream(TASK);
    expect(stream.taskId).toBe('task_1');
    expect(await read(stream)).toEqual([{ a: 1 }, '[DONE]']);
    expect(asked()).toEqual([['/v1/queue/put', { ...TASK, response_mode: 'streaming' }]]);
  });

  it('goes on after the last event that came, when it was cut', async () => {
    answer(cutOff('id:1\ndata:"a"\n\nid:2\ndata:"b"\n\nid:3\nda'), events('id:3\ndata:"c"\n\n'), json(WIRE));
    expect(await read(await client.stream(TASK))).toEqual(['a', 'b', 'c']);
    expect(asked().map(([path]) => path)).toEqual(['/v1/queue/put', '/v1/queue/task_1/events', '/v1/queue/task_1']);
    expect(server.requests.items[1]!.headers['last-event-id']).toBe('2');
  });

  it('that ends while its task goes on is taken up again', async () => {
    const running = { ...WIRE, state: 'leased' };
    answer(events('id:1\ndata:"a"\n\n'), json(running), events('id:2\ndata:"b"\n\n'), json(WIRE));
    expect(await read(await client.stream(TASK))).toEqual(['a', 'b']);
  });

  it('goes on when the server that said it stops is back', async () => {
    const stopping = { status_code: 503, error: { code: 'shutting_down', message: 'Stopping.' } };
    const error = `event:error\ndata:${JSON.stringify(stopping)}\n\n`;
    answer(events(`id:1\ndata:"a"\n\n${error}`), events('id:2\ndata:[DONE]\n\n'));
    expect(await read(await client.stream(TASK))).toEqual(['a', '[DONE]']);
  });

  it('passes on what the task itself calls an error: that has an id', async () => {
    answer(events('id:1\nevent:error\ndata:{"warn":1}\n\nid:2\ndata:"b"\n\n'), json(WIRE));
    expect(await read(await client.stream(TASK))).toEqual([{ warn: 1 }, 'b']);
  });

  it('throws when the task ends badly, after the events that came', async () => {
    const error = { status_code: 408, error: { code: 'timeout', message: 'Nobody was done.' } };
    answer(events(`id:1\ndata:"a"\n\nevent:error\ndata:${JSON.stringify(error)}\n\n`));
    const seen: unknown[] = [];
    const failure = {
      name: 'TaskFailed',
      taskId: 'task_1',
      statusCode: 408,
      code: 'timeout',
      message: 'Nobody was done.',
    };
    await expect(read(await client.stream(TASK), seen)).rejects.toMatchObject(failure);
    expect(seen).toEqual(['a']);
  });

  it('is hung up when its reader has seen enough', async () => {
    let isHungUp = false;
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(Buffer.from('id:1\ndata:"a"\n\n')),
      cancel: () => void (isHungUp = true),
    });
    const fetched = new Response(body, { headers: { 'x-millrace-task-id': 'task_1' } });
    const other = new MillraceClient({ url: 'http://x.test', key: 'k', fetch: () => Promise.resolve(fetched) });
    for await (const { data } of await other.stream(TASK)) if (data === 'a') break;
    expect(isHungUp).toBe(true);
  });

  it('is opened again with its key while the server is away or stops', async () => {
    answer(envelope(503, 'Stopping.'), { status: 502, body: 'Bad gateway' }, events('id:1\ndata:[DONE]\n\n'));
    let isAway = true;
    const flaky: typeof fetch = (url, init) => {
      if (!isAway) return fetch(url, init);
      isAway = false;
      return Promise.reject(new TypeError('fetch failed'));
    };
    const other = new MillraceClient({ url: server.url.replace('/v1', ''), key: 'k', fetch: flaky });
    expect(await read(await other.stream(TASK))).toEqual(['[DONE]']);
    expect(asked()).toHaveLength(3);
    expect(new Set(keys())).toEqual(new Set([expect.any(String)]));
  });

  it('is refused like any other put', async () => {
    answer(envelope(400, 'endpoint cannot be null'));
    await expect(client.stream(TASK)).rejects.toMatchObject({ status: 400, message: 'endpoint cannot be null' });
  });
});

describe('looking', () => {
  it('asks for fewer at a time where they are too large for one answer, in their order', async () => {
    const found = (...ids: string[]) => json({ tasks: ids.map((task_id) => ({ ...WIRE, task_id })) });
    answer(envelope(413, 'Ask for fewer.'), found('task_1'), found('task_2', 'task_3'));
    const tasks = await client.getMany(['task_1', 'task_2', 'task_3']);
    expect(tasks.map((task) => task?.id)).toEqual(['task_1', 'task_2', 'task_3']);
  });

  it('shows a task with instants and without what the wire says twice', async () => {
    answer(json({ ...WIRE, data: { input: 'x' }, result: { status_code: 200, request_id: 'r', body: { y: 1 } } }));
    expect(await client.get('task_1')).toEqual({
      id: 'task_1',
      queue: 'gpu',
      level: 1,
      endpoint: '/v1/embeddings',
      mode: 'callback',
      state: 'completed',
      data: { input: 'x' },
      result: { statusCode: 200, requestId: 'r', body: { y: 1 }, error: null },
      customId: null,
      batchId: null,
      traceId: null,
      callbackUrl: null,
      tries: 1,
      enqueuedAt: 5,
      expiresAt: 9,
      endedAt: 7,
    });
  });

  it.each([
    [
      { code: 'k', message: 'm', at: 7 },
      { code: 'k', message: 'm', at: 7 },
    ],
    [{ code: 'k' }, { code: 'k', message: '{"code":"k"}' }],
    ['oops', { code: 'worker_error', message: 'oops' }],
    [false, null],
  ])('shows the error %j of a worker beside his answer', async (said, error) => {
    answer(json({ ...WIRE, result: { status_code: 200, request_id: 'r', body: 1, error: said } }));
    expect((await client.get('task_1'))!.result).toEqual({ statusCode: 200, requestId: 'r', body: 1, error });
  });

  it('finds nothing of an unknown id', async () => {
    answer(envelope(404, 'No task.'));
    expect(await client.get('task_1')).toBeNull();
    answer(json({ tasks: [null, WIRE] }));
    expect((await client.getMany(['task_0', 'task_1'])).map((task) => task?.id)).toEqual([undefined, 'task_1']);
  });

  it('lists page after page', async () => {
    const page = (id: string, more: boolean) => json({ data: [{ ...WIRE, task_id: id }], has_more: more, last_id: id });
    answer(page('task_1', true), page('task_2', false));
    const ids: string[] = [];
    for await (const { id } of client.list({ queue: 'gpu', state: 'failed', createdAfter: 5 })) ids.push(id);
    expect(ids).toEqual(['task_1', 'task_2']);
    const query = '/v1/queue/tasks?queue=gpu&state=failed&created_after=5&limit=100';
    expect(asked().map(([path]) => path)).toEqual([query, `${query}&after=task_1`]);
  });

  it('says when it was no Millrace that answered', async () => {
    answer({ body: '<html>' });
    await expect(client.get('task_1')).rejects.toThrow('The answer is no JSON');
  });
});

describe('a client', () => {
  it.each([
    [{ url: undefined, key: 'k' }, "'url' is missing"],
    [{ url: 'http://127.0.0.1', key: undefined }, "'key' is missing"],
    [{ url: 'localhost', key: 'k' }, "'url' is no URL: 'localhost'"],
  ])('is not made of %o, as when a variable is not set', (options, message) => {
    expect(() => new MillraceClient(options as { url: string; key: string })).toThrow(message);
  });

  it('says that it is the key that is wrong, which the server does not', async () => {
    answer({ status: 401, body: '' });
    await expect(client.put(TASK)).rejects.toThrow('The server does not accept the key');
  });
});
