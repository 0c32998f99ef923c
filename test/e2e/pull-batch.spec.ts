/** Batches that are worked off by pull workers, alone or beside an upstream. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { awaited, hasEnded, line, resultsOf, start } from '../support/batches.js';
import { ConsoleClient } from '../support/console.js';
import { PullWorker, type HeldTask } from '../support/pull-worker.js';
import { TestServer } from '../support/server.js';
import { StreamReader } from '../support/stream-reader.js';
import { startTestSim, type TestSim } from '../support/sim.js';
import { until } from '../support/until.js';

let server: TestServer;
let worker: PullWorker;
let sim: TestSim;
let queues = 0;

beforeAll(async () => {
  sim = await startTestSim();
  server = await TestServer.start({ MILLRACE_UPSTREAM_URL: sim.url, MILLRACE_UPSTREAM_CONCURRENCY: '2' });
  worker = new PullWorker(server);
});
afterAll(async () => {
  await server.close();
  await sim.close();
});

const newQueue = (settings = {}) => worker.makeQueue(`batch-${(queues += 1)}`, settings);
const to = (queue: string) => ({ headers: { 'X-Millrace-Queue': queue } });
const lines = (count: number) => Array.from({ length: count }, (_, n) => line(`c-${n}`));
const answerOf = ({ custom_id }: HeldTask) => ({
  object: 'chat.completion',
  text: custom_id,
  usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 },
});

/** Takes until `isEnough` and answers in bulk, as `answer` says. */
async function workOff(
  queue: string,
  isEnough: () => boolean | Promise<boolean>,
  answer: (task: HeldTask) => object,
): Promise<HeldTask[]> {
  const done: HeldTask[] = [];
  while (!(await isEnough())) {
    const tasks = await worker.take(`${queue}:1`, { size: 7, wait_seconds: 1 });
    const completions = tasks.map((task) => ({
      task_id: task.task_id,
      lease_token: task.lease_token,
      result: answer(task),
    }));
    await worker.post('complete', { completions });
    done.push(...tasks);
  }
  return done;
}

describe('a batch', () => {
  it('is worked off by a pull worker: bodies cut from the file, answers and usage in the results', async () => {
    const queue = await newQueue();
    const input = lines(40);
    const batch = await start(server.openai, input, to(queue));
    let left = 40;
    const done = await workOff(
      queue,
      () => left === 0,
      (task) => {
        left -= 1;
        return { status_code: 200, request_id: `req-${task.custom_id}`, body: answerOf(task) };
      },
    );
    expect(done.map(({ custom_id }) => custom_id)).toEqual(input.map((_, n) => `c-${n}`));
    expect(done.map(({ data }) => data)).toEqual(input.map((text) => JSON.parse(text).body));
    const ended = await awaited(server.openai, batch);
    expect(ended).toMatchObject({
      status: 'completed',
      request_counts: { total: 40, completed: 40, failed: 0 },
      usage: { input_tokens: 120, output_tokens: 80, total_tokens: 200 },
    });
    const results = await resultsOf(server.openai, ended.output_file_id);
    expect(results.map(({ custom_id, response }) => [custom_id, response])).toEqual(
      input.map((_, n) => [
        `c-${n}`,
        { status_code: 200, request_id: `req-c-${n}`, body: answerOf({ custom_id: `c-${n}` } as unknown as HeldTask) },
      ]),
    );
  });

  it('has in its files the bodies of answers only, whatever else workers say', async () => {
    const queue = await newQueue();
    const batch = await start(server.openai, lines(3), to(queue));
    const [one, two, three] = await worker.take(`${queue}:1`, { size: 3, wait_seconds: 60 });
    const [text, error] = ['x'.repeat(100_000), { code: 'k' }];
    await worker.post(`${one!.task_id}/complete`, { request_id: 'r', body: { n: 1 }, error, stream: true });
    await worker.post(`${two!.task_id}/complete`, { request_id: 'r', body: { text }, error });
    await worker.post(`${three!.task_id}/complete`, { request_id: 'r', error });
    expect((await worker.task(one!.task_id)).result).toMatchObject({ body: { n: 1 }, error, stream: true });
    const ended = await awaited(server.openai, batch);
    const results = await resultsOf(server.openai, ended.output_file_id);
    const response = (body: object) => ({ status_code: 200, request_id: 'r', body });
    expect(results.map(({ response: answered, error: why }) => [answered, why])).toEqual([
      [response({ n: 1 }), null],
      [response({ text }), null],
      [response({ error }), null],
    ]);
  });

  it('has errors, failures and lost leases of workers in its error file', async () => {
    const queue = await newQueue();
    const batch = await start(server.openai, lines(4), to(queue));
    const [good, bad, broken] = await worker.take(`${queue}:1`, { size: 3, wait_seconds: 60 });
    await worker.complete(good!, answerOf(good!));
    await worker.post(`${bad!.task_id}/complete`, { status_code: 422, body: { error: { message: 'No.' } } });
    const error = { code: 'out_of_memory', message: 'The GPU ran out of memory.' };
    await worker.post(`${broken!.task_id}/fail`, { lease_token: broken!.lease_token, retryable: false, error });
    await worker.takeOne(`${queue}:1`, { process_timeout: 1, wait_seconds: 60 }); // and never heard of again
    const ended = await awaited(server.openai, batch);
    expect(ended.request_counts).toEqual({ total: 4, completed: 1, failed: 3 });
    const failed = await resultsOf(server.openai, ended.error_file_id);
    expect(failed.map(({ custom_id, response, error: why }) => [custom_id, response?.status_code, why?.code])).toEqual([
      ['c-1', 422, undefined],
      ['c-2', undefined, 'out_of_memory'],
      ['c-3', 408, undefined],
    ]);
  });

  it('that is cancelled tells workers so at their next heartbeat', async () => {
    const queue = await newQueue();
    const batch = await start(server.openai, lines(3), to(queue));
    const tasks = await worker.take(`${queue}:1`, { size: 2, wait_seconds: 60 });
    await worker.complete(tasks[0]!, answerOf(tasks[0]!));
    await server.openai.batches.cancel(batch.id);
    const { task_id, lease_token } = tasks[1]!;
    const heartbeat = await worker.post('heartbeat', { leases: [{ task_id, lease_token }] });
    expect([...heartbeat.gone, ...heartbeat.alive.map(({ task_id: id }: HeldTask) => id)]).toEqual([task_id]);
    await worker.complete(tasks[1]!, answerOf(tasks[1]!));
    expect(await worker.take(`${queue}:1`)).toEqual([]);
    const ended = await awaited(server.openai, batch);
    expect(ended.status).toBe('cancelled');
    const files = [ended.output_file_id, ended.error_file_id];
    const results = (await Promise.all(files.map((file) => resultsOf(server.openai, file)))).flat();
    expect(results.map(({ custom_id }) => custom_id).toSorted()).toEqual(['c-0', 'c-1', 'c-2']);
    expect(results.at(-1)!.error).toMatchObject({ code: 'batch_cancelled' });
  });

  it('is worked off by an upstream and by workers at once, each line once', async () => {
    await sim.change({ latencyMs: 5 });
    const queue = await newQueue({ consumers: ['upstream', 'pull'], upstream: 'default' });
    const ids = Array.from({ length: 200 }, (_, n) => `both-${n}`);
    const input = ids.map((id) => line(id, { metadata: { id } }));
    const batch = await start(server.openai, input, to(queue));
    await until(
      () => sim.calls(),
      (calls) => Object.keys(calls).length > 0,
    );
    const pulled = await workOff(
      queue,
      async () => hasEnded(await server.openai.batches.retrieve(batch.id)),
      (task) => ({ body: answerOf(task) }),
    );
    const ended = await awaited(server.openai, batch);
    expect(ended.request_counts).toEqual({ total: 200, completed: 200, failed: 0 });
    const results = await resultsOf(server.openai, ended.output_file_id);
    expect(results.map(({ custom_id }) => custom_id)).toEqual(ids);
    const calls = await sim.calls();
    expect(pulled.length).toBeGreaterThan(0);
    expect(Object.keys(calls).length).toBeGreaterThan(0);
    const byPull = new Set(pulled.map(({ custom_id }) => custom_id as string));
    expect(Object.keys(calls).filter((id) => byPull.has(id))).toEqual([]);
    expect(byPull.size + Object.keys(calls).length).toBe(200);
  });
});

describe('the events of a line', () => {
  const eventsOf = async (id: string, query = '') =>
    new StreamReader(
      await server.fetch(`/v1/queue/${id}/events${query}`, { headers: { authorization: `Bearer ${server.adminKey}` } }),
    );
  const say = ({ task_id: id, lease_token }: HeldTask, event_data: unknown) =>
    worker.post(`${id}/progress`, { lease_token, event_data });

  it('are what its worker says, and end with it', async () => {
    const queue = await newQueue();
    await start(server.openai, lines(2), to(queue));
    const [task, other] = await worker.take(`${queue}:1`, { wait_seconds: 60, size: 2 });
    const [live, silent] = [await eventsOf(task!.task_id), await eventsOf(other!.task_id)];
    expect(await say(task!, 'a')).toEqual({ task_id: task!.task_id, events: 1 });
    await live.until('id:1\ndata:a\n\n');
    const late = await eventsOf(task!.task_id);
    await late.until('id:1\ndata:a\n\n');
    await say(task!, { n: 2 });
    await worker.complete(task!);
    const whole = 'id:1\ndata:a\n\nid:2\ndata:{"n":2}\n\n';
    expect(await Promise.all([live.end(), late.end()])).toEqual([whole, whole]);
    expect(await (await eventsOf(task!.task_id, '?after=1')).end()).toBe('id:2\ndata:{"n":2}\n\n');
    await worker.complete(other!);
    expect(await silent.end()).toBe('data:{"a":1}\n\n');
  });

  it('end when its batch is cancelled, and when an upstream answers', async () => {
    const queue = await newQueue();
    const batch = await start(server.openai, lines(1), to(queue));
    const task = await worker.takeOne(`${queue}:1`, { wait_seconds: 60 });
    await say(task, 'a');
    await worker.post(`${task.task_id}/release`, { lease_token: task.lease_token });
    const cancelled = await eventsOf(task.task_id);
    await cancelled.until('data:a');
    await server.openai.batches.cancel(batch.id);
    expect(await cancelled.end()).toMatch(/^id:1\ndata:a\n\nevent:error\ndata:\{"status_code":499,/);

    const operator = new ConsoleClient(server);
    const both = await newQueue({ consumers: ['upstream', 'pull'], upstream: 'default' });
    await operator.post(`queues/${both}/pause`);
    const called = await start(server.openai, [line('called', { metadata: { id: 'called' } })], to(both));
    const { data } = await until(
      () => worker.get(`tasks?batch=${called.id}`),
      ({ data: found }) => found.length === 1,
    );
    const answered = await eventsOf(data[0].task_id);
    await operator.post(`queues/${both}/resume`);
    expect(await answered.end()).toMatch(/^data:\{"id":"chatcmpl/);
  });
});
