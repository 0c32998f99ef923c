/** Streams of what tasks say: their bytes, their ends, and how those who were cut off go on. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PullWorker, type HeldTask } from '../support/pull-worker.js';
import { StreamReader } from '../support/stream-reader.js';
import { TestServer } from '../support/server.js';
import { until } from '../support/until.js';

let server: TestServer;
let client: PullWorker;

beforeAll(async () => {
  server = await TestServer.start();
  client = new PullWorker(server);
  await client.makeQueue('chat');
});

afterAll(() => server.close());

const authorization = () => `Bearer ${server.adminKey}`;

/** Puts a streaming task; resolves when the head of the answer is there. */
async function stream(over: object = {}, headers: Record<string, string> = {}): Promise<StreamReader> {
  const body = { endpoint: '/v1/x', queue: 'chat', data: { n: 1 }, response_mode: 'streaming', ...over };
  const response = await server.fetch('/v1/queue/put', {
    method: 'POST',
    headers: { authorization: authorization(), 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  return new StreamReader(response);
}

async function events(id: string, query = '', headers: Record<string, string> = {}): Promise<StreamReader> {
  return new StreamReader(
    await server.fetch(`/v1/queue/${id}/events${query}`, { headers: { authorization: authorization(), ...headers } }),
  );
}

const takenOnce = async (lane = 'chat:0'): Promise<HeldTask> => (await client.take(lane, { wait_seconds: 30 }))[0]!;
const say = ({ task_id: id, lease_token }: HeldTask, body: object) =>
  client.post(`${id}/progress`, { lease_token, ...body });
const idOf = ({ response }: StreamReader) => response.headers.get('x-millrace-task-id')!;
const errorFrame = (status: number, code: string, message: string) =>
  `event:error\ndata:${JSON.stringify({ status_code: status, error: { code, message } })}\n\n`;

describe('a streaming call', () => {
  it('gets every event in a frame, byte for byte, as it comes; a good end says nothing', async () => {
    const reader = await stream();
    const { status, headers } = reader.response;
    expect([status, headers.get('content-type')]).toEqual([200, 'text/event-stream']);
    expect([headers.get('cache-control'), headers.get('x-accel-buffering')]).toEqual(['no-cache', 'no']);
    const task = await takenOnce();
    expect(idOf(reader)).toBe(task.task_id);
    await say(task, { event_id: 'e-1', event_name: 'delta', event_data: { text: 'Grö', n: [1, 2] } });
    const first = 'id:e-1\nevent:delta\ndata:{"text":"Grö","n":[1,2]}\n\n';
    expect(await reader.until('\n\n')).toBe(first);
    await say(task, {
      events: [
        { event_name: 'delta', event_data: 'data: {"raw":true}' },
        { event_data: 'two\nlines' },
        { event_id: 'e-4', event_data: '[DONE]' },
      ],
    });
    await client.complete(task, { not: 'sent' });
    expect(await reader.end()).toBe(
      `${first}id:2\nevent:delta\ndata:{"raw":true}\n\nid:3\ndata:two\ndata:lines\n\nid:e-4\ndata:[DONE]\n\n`,
    );
  });

  it('can tell what the task calls an error, which has an id, from its end, which has none', async () => {
    const reader = await stream();
    const task = await takenOnce();
    await say(task, { event_id: '', event_name: 'error', event_data: { warn: 1 } });
    await client.complete(task);
    expect(await reader.end()).toBe('id:\nevent:error\ndata:{"warn":1}\n\n');
  });

  it('gets an answer that was not streamed in one frame', async () => {
    const reader = await stream();
    const task = await takenOnce();
    await client.complete(task, { text: 'all at once' });
    expect(await reader.end()).toBe('data:{"text":"all at once"}\n\n');
  });

  it('gets numbers as they were written', async () => {
    const reader = await stream();
    const { task_id: id } = await takenOnce();
    await client.post(`${id}/progress`, '{"event_data": { "big": 12345678901234567890 }}');
    await client.post(`${id}/complete`, { body: {} });
    expect(await reader.end()).toBe('id:1\ndata:{"big":12345678901234567890}\n\n');
  });

  const ENDS: [what: string, end: (task: HeldTask) => Promise<unknown>, frame: string][] = [
    [
      "the model's error",
      ({ task_id: id }) => {
        const body = { error: { code: 'overloaded', message: 'Later.' } };
        return client.post(`${id}/complete`, { status_code: 503, body });
      },
      errorFrame(503, 'overloaded', 'Later.'),
    ],
    [
      'what its worker said went wrong, whatever the status',
      ({ task_id: id }) => client.post(`${id}/complete`, { error: { code: 'x', message: 'oops' } }),
      errorFrame(200, 'x', 'oops'),
    ],
    [
      'what its worker said went wrong beside its answer',
      ({ task_id: id }) =>
        client.post(`${id}/complete`, { status_code: 200, body: { n: 1 }, error: { message: 'cut off' } }),
      errorFrame(200, 'worker_error', 'cut off'),
    ],
    [
      'a failure',
      ({ task_id: id, lease_token }) => {
        const error = { code: 'oom', message: 'Out of memory.' };
        return client.post(`${id}/fail`, { lease_token, error, retryable: false });
      },
      errorFrame(500, 'oom', 'Out of memory.'),
    ],
    [
      'a cancellation',
      ({ task_id: id }) => client.cancelled(id),
      errorFrame(499, 'cancelled', 'The task was cancelled before it was done.'),
    ],
  ];

  it.each(ENDS)('is told of %s at its end, also after events', async (_, end, frame) => {
    const silent = await stream();
    await end(await takenOnce());
    expect(await silent.end()).toBe(frame);
    const reader = await stream();
    const task = await takenOnce();
    await say(task, { event_data: 1 });
    await reader.until('\n\n');
    await end(task);
    expect(await reader.end()).toBe(`id:1\ndata:1\n\n${frame}`);
  });

  it('that lasts too long is told so, and its task is cancelled', async () => {
    const put = () => stream({ timeout: 1, level: 3 }, { 'idempotency-key': 'too-late' });
    const [reader, frame] = [await put(), errorFrame(408, 'timeout', 'Nobody was done with the task in time.')];
    expect(await reader.end()).toBe(frame);
    expect(await client.task(idOf(reader))).toMatchObject({ state: 'cancelled' });
    const again = await put();
    expect([await again.end(), idOf(again)]).toEqual([frame, idOf(reader)]);
  });

  it('that is hung up on takes its task with it', async () => {
    const reader = await stream();
    const task = await takenOnce();
    await say(task, { event_data: 1 });
    await reader.until('data:1');
    await reader.cancel();
    const gone = await until(
      () => client.task(task.task_id),
      ({ state }) => state !== 'leased',
    );
    expect(gone).toMatchObject({ state: 'cancelled' });
  });

  it('is not tried again once something was said of it: the loss of its worker ends it', async () => {
    const reader = await stream();
    const [task] = await client.take('chat:0', { wait_seconds: 30, process_timeout: 1, process_max_retries: 5 });
    await say(task!, { event_data: 'so far' });
    const text = await reader.end();
    expect(text).toMatch(
      /^id:1\ndata:so far\n\nevent:error\ndata:\{"status_code":500,"error":\{"code":"stream_interrupted"/,
    );
    expect(await client.task(task!.task_id)).toMatchObject({ state: 'failed' });
  });

  it('is refused like any put', async () => {
    const { response } = await stream({ queue: 'nowhere' });
    expect([response.status, response.headers.get('content-type')]).toEqual([400, 'application/json']);
  });

  it('with an Idempotency-Key is joined: all hear all of it', async () => {
    const headers = { 'idempotency-key': 'stream' };
    const first = await stream({}, headers);
    const task = await takenOnce();
    await say(task, { event_data: 'a' });
    await first.until('data:a');
    const second = await stream({}, headers);
    await second.until('data:a');
    await say(task, { event_data: 'b' });
    await client.complete(task);
    const third = await stream({}, headers);
    const whole = 'id:1\ndata:a\n\nid:2\ndata:b\n\n';
    for (const reader of [first, second, third]) {
      expect([await reader.end(), idOf(reader)]).toEqual([whole, task.task_id]);
    }
  });
});

describe('the events of a task', () => {
  /** A running task that has said a, b and c; b under a name of its own. */
  async function talkative(): Promise<HeldTask> {
    await client.put('chat');
    const task = await takenOnce();
    await say(task, { events: [{ event_data: 'a' }, { event_id: 'bee', event_data: 'b' }, { event_data: 'c' }] });
    return task;
  }

  const [A, B, C] = ['id:1\ndata:a\n\n', 'id:bee\ndata:b\n\n', 'id:3\ndata:c\n\n'];

  it.each([
    ['', {}, A + B + C],
    ['?after=0', {}, A + B + C],
    ['?after=1', {}, B + C],
    ['?after=bee', {}, C],
    ['', { 'last-event-id': '1' }, B + C],
    ['', { 'last-event-id': 'bee' }, C],
    ['?after=1', { 'last-event-id': '2' }, C],
    ['?after=3', {}, ''],
    ['?after=99', {}, ''],
  ])('go on after %s %j, and then as they come', async (query, headers, before) => {
    const task = await talkative();
    const reader = await events(task.task_id, query, headers);
    expect(reader.response.headers.get('content-type')).toBe('text/event-stream');
    if (before !== '') await reader.until(before);
    await say(task, { event_data: 'd' });
    await client.complete(task);
    const live = query === '?after=99' ? '' : 'id:4\ndata:d\n\n';
    expect(await reader.end()).toBe(before + live);
    if (query === '?after=99') return;
    const again = await events(task.task_id, query, headers);
    expect(await again.end()).toBe(before + live);
  });

  it.each(['?after=5', '?after=99', '?after=999999', '?after=999999999'])(
    'are refused after one that a completed task has never said: %s',
    async (query) => {
      const task = await talkative();
      await say(task, { event_data: 'd' });
      await client.complete(task);
      const text = "Invalid 'after': the task has ended, and its last event is 4.";
      expect(await client.refused('GET', `${task.task_id}/events${query}`)).toEqual([400, text]);
      expect(await (await events(task.task_id, '?after=4')).end()).toBe('');
    },
  );

  it.each(['', '?after=0', '?after=999999'])('are its answer where it has said nothing, also %s', async (query) => {
    await client.put('chat');
    const task = await takenOnce();
    await client.complete(task);
    expect(await (await events(task.task_id, query)).end()).toBe('data:{"a":1}\n\n');
  });

  it('are heard by many, and nothing happens to the task when they hang up', async () => {
    const task = await talkative();
    const readers = await Promise.all([1, 2, 3].map(() => events(task.task_id)));
    await Promise.all(readers.map((reader) => reader.until(C)));
    await readers[0]!.cancel();
    await say(task, { event_data: 'd' });
    await readers[1]!.until('data:d');
    expect(await client.task(task.task_id)).toMatchObject({ state: 'leased' });
    expect((await client.complete(task)).status).toBe(200);
    expect(await readers[2]!.end()).toContain('data:d');
  });

  it('are there after the server was killed', async () => {
    const task = await talkative();
    await server.kill();
    await server.restart();
    const reader = await events(task.task_id, '?after=1');
    await reader.until(B + C);
    await say(task, { event_data: 'd' });
    await client.complete(task);
    expect(await reader.end()).toBe(`${B + C}id:4\ndata:d\n\n`);
  });

  it('of a task that has ended badly end so each time', async () => {
    const task = await talkative();
    await client.post(`${task.task_id}/fail`, {
      lease_token: task.lease_token,
      error: { message: 'no' },
      retryable: false,
    });
    const frame = errorFrame(500, 'worker_error', 'no');
    expect(await (await events(task.task_id, '?after=2')).end()).toBe(C + frame);
    expect(await (await events(task.task_id, '?after=3')).end()).toBe(frame);
  });

  it.each([
    ['?after=nonsense', 400, "Invalid 'after': the task has no event 'nonsense'."],
    ['?after=-1', 400, "Invalid 'after': the task has no event '-1'."],
    ['?after=1&after=2', 400, "Invalid type for 'after': expected a string, but got an array instead."],
  ])('do not go on after %s', async (query, status, message) => {
    const id = await client.put('chat', { level: 9 });
    expect(await client.refused('GET', `${id}/events${query}`)).toEqual([status, message]);
  });

  it('of nobody are not there', async () => {
    expect((await client.refused('GET', 'task_nobody/events'))[0]).toBe(404);
  });
});

describe('a server that is told to stop', () => {
  it('says so in every stream, and the tasks can be joined when it is back', async () => {
    const reader = await stream({ level: 4 });
    const task = await takenOnce('chat:4');
    await say(task, { event_data: 'a' });
    await reader.until('data:a');
    const listener = await events(task.task_id);
    await listener.until('data:a');
    const stopped = server.stop();
    for (const one of [reader, listener]) {
      expect(await one.end()).toMatch(
        /^id:1\ndata:a\n\nevent:error\ndata:\{"status_code":503,"error":\{"code":"shutting_down"/,
      );
    }
    expect((await stopped).code).toBe(0);
    await server.restart();
    const joined = await events(task.task_id, '?after=1');
    await client.complete(task);
    expect(await joined.end()).toBe('');
  });
});
