/** Who waits at one process is answered by what happens in another; also when the message between them is lost. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Deployment } from '../support/deployment.js';
import { line, start } from '../support/batches.js';
import { PullWorker, type HeldTask, type TaskAnswer } from '../support/pull-worker.js';
import { StreamCall } from '../support/stream-client.js';
import { until } from '../support/until.js';

/** What the bulk read adds at most, once a second, with room for a busy machine. */
const LATE_MS = 3_000;

let deployment: Deployment;
let caller: PullWorker;
let worker: PullWorker;

beforeAll(async () => {
  deployment = await Deployment.start({ apis: 2, engines: 1, sim: { latencyMs: 50 } });
  caller = new PullWorker(deployment.apis[0]!);
  worker = new PullWorker(deployment.apis[1]!);
  await caller.makeQueue('pulled');
  // The other process knows the queue as soon as it has heard of it, or has looked.
  await until(
    () => worker.ask('POST', 'take', { queues: ['pulled:0'], size: 1 }),
    ({ status }) => status === 200,
  );
});
afterAll(() => deployment.close());
afterEach(() => {
  deployment.redis.resume();
  for (const link of deployment.linksTo('redis')) link.resume();
});

const blocking = (over: object = {}): Promise<TaskAnswer> =>
  caller.ask('POST', 'put', { endpoint: '/v1/x', queue: 'pulled', data: { n: 1 }, response_mode: 'blocking', ...over });

async function next(): Promise<HeldTask> {
  const [task] = await worker.take('pulled:0', { size: 1, wait_seconds: 20 });
  return task!;
}

async function timed<T>(work: Promise<T>): Promise<{ value: T; ms: number }> {
  const startedAt = performance.now();
  const value = await work;
  return { value, ms: performance.now() - startedAt };
}

const chat = { endpoint: '/v1/chat/completions', queue: 'default' };

const OUTAGES = [
  ['all is well', () => {}],
  ['Redis is frozen', () => deployment.redis.pause()],
  ['the link of the api processes to Redis is cut', () => deployment.links.api.redis.refuse()],
] as const;

describe.each(OUTAGES)('while %s', (outage, strike) => {
  it('a worker that waits at B gets what is put at A, and its answer ends the blocking call at A', async () => {
    strike();
    const waiting = timed(next());
    // Time for the worker to be waiting; it is right either way.
    await new Promise((resolve) => setTimeout(resolve, 300));
    const calling = blocking();
    const { value: task, ms: takenMs } = await waiting;
    expect(takenMs).toBeLessThan(300 + LATE_MS);
    expect((await worker.complete(task, { said: 'by B' })).status).toBe(200);
    const { value: answer, ms } = await timed(calling);
    expect([answer.status, answer.body]).toEqual([200, { said: 'by B' }]);
    expect(ms).toBeLessThan(LATE_MS);
  });

  it('a stream at A gets what a worker says at B, in its order', async () => {
    strike();
    const calling = StreamCall.open(deployment.apis[0]!, { endpoint: '/v1/x', queue: 'pulled', data: {} });
    const task = await next();
    const { lease_token, task_id: id } = task;
    const stream = await calling;
    for (let n = 1; n <= 3; n += 1) {
      await worker.post(`${id}/progress`, { lease_token, event_name: 'delta', event_data: { n } });
      const { value: frame, ms } = await timed(stream.next());
      expect(JSON.parse(frame!.data)).toEqual({ n });
      expect(ms).toBeLessThan(LATE_MS);
    }
    expect((await worker.complete(task)).status).toBe(200);
    const { value: rest, ms } = await timed(stream.rest());
    expect(rest).toEqual([]);
    expect(ms).toBeLessThan(LATE_MS);
  });

  it('the events of a line end at A when a worker completes it at B', async () => {
    strike();
    await start(deployment.apis[0]!.openai, [line('c')], { headers: { 'X-Millrace-Queue': 'pulled' } });
    const [task] = await worker.take('pulled:1', { size: 1, wait_seconds: 60 });
    const { lease_token, task_id: id } = task!;
    const stream = await StreamCall.join(deployment.apis[0]!, id);
    await worker.post(`${id}/progress`, { lease_token, event_data: { n: 1 } });
    expect(JSON.parse((await stream.next())!.data)).toEqual({ n: 1 });
    expect((await worker.complete(task!)).status).toBe(200);
    expect(await stream.rest()).toEqual([]);
  });

  it('an engine answers blocking and streaming calls', async () => {
    strike();
    // The upstream's permits are in Redis: without an answer from it nothing begins, and all goes on when it is back.
    if (outage === 'Redis is frozen') setTimeout(() => deployment.redis.resume(), 1_000);
    const data = { model: 'm', messages: [{ role: 'user', content: 'Hello.' }] };
    const { value: answer, ms } = await timed(blocking({ ...chat, data }));
    expect(answer.status).toBe(200);
    expect(answer.body.object).toBe('chat.completion');
    // The call is swept for, and its end is read: each takes a second.
    expect(ms).toBeLessThan(3 * LATE_MS);
    const stream = await StreamCall.open(deployment.apis[0]!, { ...chat, data: { ...data, stream: true } });
    const frames = await stream.rest();
    expect(frames.at(-1)!.data).toBe('[DONE]');
    expect(frames.length).toBeGreaterThan(3);
  });
});

describe('the call of a task that is cancelled', () => {
  it.each([
    ['its engine hears of it', () => {}],
    ['the notice is lost', () => deployment.links.engine.redis.refuse()],
  ])('is ended when %s', async (_, strike) => {
    const inFlight = async (): Promise<number> => (await deployment.sim.control.stats()).inFlight;
    const messages = [{ role: 'user', content: 'Hello.' }];
    const data = { model: 'm', messages, metadata: { sim: 'hang' } };
    const id = await caller.put('default', { ...chat, data });
    await until(inFlight, (count) => count === 1);
    strike();
    await caller.cancelled(id);
    expect(await until(inFlight, (count) => count === 0, 2 * LATE_MS)).toBe(0);
  });
});

it('without Redis an `api` is ready and says what it lacks, and an `engine` is not', async () => {
  const ready = (): Promise<unknown[]> =>
    Promise.all(
      [deployment.apis[0]!, deployment.engines[0]!].map(async (server) => {
        const response = await server.fetch('/readyz');
        const { checks } = (await response.json()) as { checks: { calls: { status: string } } };
        return `${response.status} ${checks.calls.status}`;
      }),
    );
  const become = (states: string[]): Promise<unknown> => until(ready, (seen) => states.join() === seen.join());
  await become(['200 ok', '200 ok']);
  deployment.redis.pause();
  await become(['200 degraded', '503 failed']);
  deployment.redis.resume();
  expect(await become(['200 ok', '200 ok'])).toBeDefined();
});
