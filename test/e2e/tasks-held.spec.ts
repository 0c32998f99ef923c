/** Blocking calls: answered, timed out, hung up on, joined, and held by a server that stops or dies. */
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConsoleClient } from '../support/console.js';
import { PullWorker, type HeldTask, type TaskAnswer } from '../support/pull-worker.js';
import { RawConnection } from '../support/raw-request.js';
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

interface CallOptions {
  signal?: AbortSignal;
  headers?: Record<string, string>;
}

const call = (over: object = {}, options: CallOptions = {}): Promise<TaskAnswer> => {
  const body = { endpoint: '/v1/x', queue: 'chat', data: { n: 1 }, response_mode: 'blocking', ...over };
  return client.ask('POST', 'put', body, options);
};

/** The next task of a lane, as soon as there is one. */
async function next(lane = 'chat:0'): Promise<HeldTask> {
  const [task] = await client.take(lane, { size: 1, wait_seconds: 30 });
  return task!;
}

const answer = ({ task_id: id }: HeldTask, result: object) => client.post(`${id}/complete`, result);

const ended = (id: string) =>
  until(
    () => client.task(id),
    ({ state }) => !['ready', 'leased', 'scheduled'].includes(state),
  );

describe('a blocking call', () => {
  it.each([
    [{ status_code: 200, body: { text: 'Größe', n: 1.5 } }, 200, { text: 'Größe', n: 1.5 }],
    [{ status_code: 404, body: { error: { message: 'no such model' } } }, 404, { error: { message: 'no such model' } }],
    [{ status_code: '503', body: [1, 2] }, 503, [1, 2]],
    [{ body: 'text' }, 200, 'text'],
    [{ status_code: 200 }, 200, {}],
    [{ body: { n: 1 }, error: { code: 'k' }, stream: true }, 200, { n: 1 }],
    [{ error: { code: 'k' } }, 200, { error: { code: 'k' } }],
  ])('is answered with what the worker answers: %j', async (result, status, body) => {
    const answered = call();
    const task = await next();
    expect(task).toMatchObject({ response_mode: 'blocking', data: { n: 1 } });
    await answer(task, result);
    const got = await answered;
    expect([got.status, got.body]).toEqual([status, body]);
    expect(got.headers.get('x-millrace-task-id')).toBe(task.task_id);
    expect(got.headers.get('content-type')).toBe('application/json');
    expect((await client.task(task.task_id)).result).toMatchObject({ status_code: status });
  });

  it('gets the very text of the answer', async () => {
    const headers = { authorization: `Bearer ${server.adminKey}`, 'content-type': 'application/json' };
    const body = JSON.stringify({ endpoint: '/v1/x', queue: 'chat', data: {}, response_mode: 'blocking' });
    const response = server.fetch('/v1/queue/put', { method: 'POST', headers, body });
    const { task_id: id } = await next();
    await client.post(`${id}/complete`, '{"status_code":200,"body":{ "n": 12345678901234567890 }}');
    expect(await (await response).text()).toBe('{ "n": 12345678901234567890 }');
  });

  it('of many is each answered with its own', async () => {
    const calls = Array.from({ length: 100 }, (_, n) => call({ data: { n }, level: n % 3 }));
    for (let done = 0; done < calls.length;) {
      const tasks = await client.take(['chat:0', 'chat:1', 'chat:2'], { size: 50, fifo_max: 50, wait_seconds: 30 });
      const completions = tasks.map(({ task_id, data }) => ({ task_id, result: { body: { answer: data.n } } }));
      await client.post('complete', { completions });
      done += tasks.length;
    }
    const answers = await Promise.all(calls);
    expect(answers.map(({ body }) => body.answer)).toEqual(Array.from({ length: 100 }, (_, n) => n));
  });

  it('whose task has failed, or was cancelled, says why', async () => {
    const failing = call();
    const task = await next();
    const failure = {
      lease_token: task.lease_token,
      error: { code: 'oom', message: 'Out of memory.' },
      retryable: false,
    };
    await client.post(`${task.task_id}/fail`, failure);
    expect(await failing).toMatchObject({
      status: 500,
      body: { code: 500, message: 'Out of memory.', timestamp: expect.any(Number) },
    });
    const cancelled = call();
    const { task_id: id } = await next();
    await client.cancelled(id);
    expect(await cancelled).toMatchObject({ status: 499, body: { code: 499 } });
  });

  it('that nobody answers in time gets 408 and nothing else, and its task is cancelled', async () => {
    const calling = call({ timeout: 1 });
    const task = await next();
    const { status, body, headers } = await calling;
    expect([status, body]).toEqual([408, undefined]);
    expect(headers.get('x-millrace-task-id')).toBe(task.task_id);
    expect(await client.task(task.task_id)).toMatchObject({ status: 'cancelled', state: 'cancelled' });
    const late = { 'x-millrace-lease-token': task.lease_token };
    expect((await client.ask('POST', `${task.task_id}/complete`, { body: 1 }, { headers: late })).status).toBe(409);
  });

  it.each([{ timeout: 9_999 }, { timeout: 0 }, {}])('waits ten minutes at most, five by default: %j', async (over) => {
    const calling = call(over);
    const task = await next();
    const lifeMs = task['expire_time'] - task['start_time'];
    expect(lifeMs).toBe((over.timeout === 9_999 ? 600_000 : 300_000) + 1_000);
    await answer(task, { body: 1 });
    await calling;
  });

  it('is refused like any put', async () => {
    expect((await call({ queue: 'nowhere' })).body).toMatchObject({
      code: 400,
      message: "No queue is named 'nowhere'.",
    });
    expect((await call({ data: 7 })).status).toBe(400);
    const { status, headers } = await call({ level: 77 });
    expect([status, headers.get('x-millrace-task-id')]).toEqual([400, null]);
  });
});

describe('a caller who hangs up', () => {
  it.each(['streaming', 'blocking'])('at once is no defect, and his %s task is cancelled', async (mode) => {
    await client.makeQueue(`brief-${mode}`);
    const body = JSON.stringify({ queue: `brief-${mode}`, endpoint: '/v1/x', data: {}, response_mode: mode });
    const head = [
      'POST /v1/queue/put HTTP/1.1',
      'host: x',
      `authorization: Bearer ${server.adminKey}`,
      'content-type: application/json',
      `content-length: ${body.length}`,
    ];
    for (let delayMs = 0; delayMs < 40; delayMs += 1) {
      const connection = await RawConnection.open(server.url);
      connection.send([...head, '', body].join('\r\n'));
      await delay(delayMs / 4);
      connection.destroy();
    }
    const { put, cancelled } = await until(
      async () =>
        (await new ConsoleClient(server).lanes())[`brief-${mode}:0`].totals as { put: number; cancelled: number },
      (totals) => totals.put > 0 && totals.put === totals.cancelled,
    );
    expect(cancelled).toBe(put);
    expect(server.logs.filter(({ level }) => level === 'error')).toEqual([]);
  });

  it('takes his task with him, whether it waits or runs', async () => {
    const [one, two] = [new AbortController(), new AbortController()];
    const first = call({ level: 5 }, { signal: one.signal });
    const running = await next('chat:5');
    const second = call({ level: 6 }, { signal: two.signal });
    const [waiting] = await until(
      async () => (await client.get('tasks?queue=chat&state=ready')).data,
      (tasks) => tasks.length === 1,
    );
    one.abort();
    two.abort();
    await expect(first).rejects.toThrow('aborted');
    await expect(second).rejects.toThrow('aborted');
    expect(await ended(running.task_id)).toMatchObject({ state: 'cancelled' });
    expect(await ended(waiting.task_id)).toMatchObject({ state: 'cancelled' });
    expect((await client.complete(running)).status).toBe(409);
  });

  it('does not when he has an Idempotency-Key, and finds it when he is back', async () => {
    const [gone, headers] = [new AbortController(), { 'idempotency-key': 'back' }];
    const first = call({}, { signal: gone.signal, headers });
    const task = await next();
    gone.abort();
    await expect(first).rejects.toThrow('aborted');
    const second = call({}, { headers });
    await answer(task, { body: { found: true } });
    expect(await second).toMatchObject({ status: 200, body: { found: true } });
    expect(await call({}, { headers })).toMatchObject({ status: 200, body: { found: true } });
  });

  it('does not while another one waits for the same task', async () => {
    const headers = { 'idempotency-key': 'shared' };
    const impatient = call({ timeout: 1 }, { headers: { 'idempotency-key': 'shared-2' } });
    expect((await impatient).status).toBe(408); // alone, so it is cancelled
    const gone = new AbortController();
    const first = call({}, { headers, signal: gone.signal });
    const task = await next();
    const second = call({}, { headers });
    gone.abort();
    await expect(first).rejects.toThrow('aborted');
    await answer(task, { body: 'both' });
    expect((await second).body).toBe('both');
  });
});

describe('an Idempotency-Key', () => {
  it('lets callers join the same task, and each gets its answer and its id', async () => {
    const headers = { 'idempotency-key': 'join' };
    const calls = [call({}, { headers }), call({}, { headers })];
    const task = await next();
    calls.push(call({}, { headers }));
    await answer(task, { status_code: 201, body: { n: 1 } });
    for (const got of [...(await Promise.all(calls)), await call({}, { headers })]) {
      expect([got.status, got.body]).toEqual([201, { n: 1 }]);
      expect(got.headers.get('x-millrace-task-id')).toBe(task.task_id);
    }
    expect((await call({ data: { n: 2 } }, { headers })).status).toBe(422);
  });

  it('is answered again as it was when its time was over', async () => {
    const headers = { 'idempotency-key': 'too-late' };
    for (let times = 0; times < 2; times += 1) {
      const { status, body, headers: told } = await call({ timeout: 1, level: 8 }, { headers });
      expect([status, body]).toEqual([408, undefined]);
      expect((await client.task(told.get('x-millrace-task-id')!)).result).toMatchObject({
        status_code: 408,
        error: { code: 'timeout' },
      });
    }
  });

  it('finds its task again after the server was killed', async () => {
    const headers = { 'idempotency-key': 'killed' };
    const cut = call({}, { headers }).catch((error: unknown) => error);
    const task = await next();
    await server.kill();
    expect(await cut).toBeInstanceOf(Error);
    await server.restart();
    const joined = call({}, { headers });
    await answer(task, { body: { survived: true } });
    const got = await joined;
    expect([got.status, got.body]).toEqual([200, { survived: true }]);
    expect(got.headers.get('x-millrace-task-id')).toBe(task.task_id);
  });
});

describe('a server that is told to stop', () => {
  it('sends those who wait away with 503, when to come back, and what for; their tasks go on', async () => {
    const count = 50;
    const calls = Array.from({ length: count }, (_, n) => call({ data: { n }, level: 7 }));
    await until(
      async () => (await client.get('tasks?queue=chat&state=ready&limit=100')).data,
      (ready) => ready.length === count,
    );
    const stopped = server.stop();
    const ids = new Set<string>();
    for (const got of await Promise.all(calls)) {
      expect([got.status, got.body.code, got.headers.get('retry-after')]).toEqual([503, 503, '1']);
      ids.add(got.headers.get('x-millrace-task-id')!);
    }
    expect((await stopped).code).toBe(0);
    await server.restart();
    const tasks = await client.take('chat:7', { size: 100, fifo_max: 100 });
    expect(new Set(tasks.map(({ task_id: id }) => id))).toEqual(ids);
    expect(ids.size).toBe(count);
  });
});

describe('who may wait', () => {
  it('is who may put', async () => {
    const admin = new ConsoleClient(server);
    const { token } = await admin.post('keys', { name: 'worker', scopes: ['worker'] });
    const body = { endpoint: '/v1/x', queue: 'chat', data: {}, response_mode: 'blocking' };
    expect(await new PullWorker(server, token).refused('POST', 'put', body)).toEqual([
      403,
      'You have insufficient permissions for this operation. Missing scopes: tasks.',
    ]);
  });
});
