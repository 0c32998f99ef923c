/** Workers that report over Redis: what they say and answer reaches callers at any process, and what they forge nobody. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { keyPrefix } from '../../src/adapters/distributed/distributed.module.js';
import { reportPattern } from '../../src/adapters/distributed/report-keys.js';
import { EndedTooSoon } from '../support/child-program.js';
import { ConsoleClient } from '../support/console.js';
import { newPlace } from '../support/new-place.js';
import type { Place } from '../support/place.js';
import { PullWorker, type HeldTask, type TaskAnswer } from '../support/pull-worker.js';
import { TestServer } from '../support/server.js';
import { StreamReader } from '../support/stream-reader.js';
import { StreamWorker } from '../support/stream-worker.js';
import { until } from '../support/until.js';

const MAX_BODY = 4_096;
const user = `reporter-${randomUUID().slice(0, 8)}`;
const workers: StreamWorker[] = [];

let redis: Redis;
let place: Place;
let pattern: string;
/** Where callers are. */
let callers: TestServer;
/** Where workers take. */
let takers: TestServer;
let client: PullWorker;
let worker: StreamWorker;

beforeAll(async () => {
  const { redisUrl } = inject('services')!;
  redis = new Redis(redisUrl);
  place = await newPlace();
  pattern = reportPattern(keyPrefix(new URL(place.env['MILLRACE_DATABASE_URL']!).pathname.slice(1)));
  await redis.acl('SETUSER', user, 'reset', 'on', '>it', `~${pattern}`, '+xadd');
  const env = {
    MILLRACE_EVENTBUS_URL: redisUrl.replace('//', `//${user}:it@`),
    MILLRACE_MAX_BODY: String(MAX_BODY),
    MILLRACE_PORT: '0',
  };
  callers = TestServer.prepare(env, place);
  takers = TestServer.prepare({ ...env, MILLRACE_ROLE: 'api' }, place);
  await callers.restart();
  await takers.restart();
  client = new PullWorker(callers);
  await client.makeQueue('plain');
  await client.makeQueue('chat', { eventbus: true });
  worker = await started(takers);
});

afterAll(async () => {
  for (const one of workers) one.close();
  for (const server of [callers, takers]) if (server.isRunning) await server.stop();
  assert.deepEqual(await redis.keys(pattern), []);
  await redis.acl('DELUSER', user);
  redis.disconnect();
  await place.remove();
});

async function started(server: TestServer, key?: string): Promise<StreamWorker> {
  const one = await StreamWorker.start(server, key);
  workers.push(one);
  return one;
}

const call = (queue: string): Promise<TaskAnswer> =>
  client.ask('POST', 'put', { endpoint: '/v1/x', queue, data: { n: 1 }, response_mode: 'blocking' });

async function stream(queue: string): Promise<StreamReader> {
  const response = await callers.fetch('/v1/queue/put', {
    method: 'POST',
    headers: { authorization: `Bearer ${callers.adminKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ endpoint: '/v1/x', queue, data: { n: 1 }, response_mode: 'streaming' }),
  });
  return new StreamReader(response);
}

/** How many reports came to this, at the process that reads them. */
async function reported(outcome: string, server = takers): Promise<number> {
  const text = await (await server.fetch('/metrics')).text();
  return Number(
    new RegExp(`^millrace_streamed_reports_total\\{outcome="${outcome}"\\} (\\d+)$`, 'm').exec(text)?.[1] ?? 0,
  );
}

/** Resolves when the reports of `act` were passed over for this reason. */
async function expectPassedOver(outcome: string, count: number, act: () => Promise<unknown>): Promise<void> {
  const [before, counted] = [await reported(outcome), await reported('counted')];
  await act();
  await until(
    () => reported(outcome),
    (now) => now === before + count,
  );
  expect(await reported('counted')).toBe(counted);
}

describe('a worker that reports over Redis', () => {
  it('learns the address with a key of the scope `worker` only, and each tenant its own', async () => {
    const admin = new ConsoleClient(callers);
    const keyOf = async (tenant: string, scopes: string[]): Promise<string> =>
      (await admin.post('keys', { name: 'x', tenant, scopes })).token;
    const others = ['files', 'batches', 'tasks', 'queues', 'metrics', 'admin'];
    const [none, message] = await new PullWorker(callers, await keyOf('acme', others)).refused('GET', 'eventbus');
    expect([none, message]).toEqual([403, expect.stringContaining('Missing scopes: worker')]);
    const acme = new PullWorker(callers, await keyOf('acme', ['worker']));
    expect(await acme.refused('GET', 'eventbus')).toEqual([404, expect.stringContaining("its 'eventbus' to true")]);
    await admin.post('queues', { name: 'ours', tenant: 'acme', consumers: ['pull'], eventbus: true });
    const address = await until(
      () => acme.ask('GET', 'eventbus'),
      ({ status }) => status === 200,
    );
    const own = await client.get('eventbus');
    expect(Object.keys(own)).toEqual(['url', 'topic']);
    expect(own.url).toMatch(new RegExp(`^redis://${user}:it@127\\.0\\.0\\.1:\\d+/0$`));
    expect(address.body.url).toBe(own.url);
    expect(address.body.topic).not.toBe(own.topic);
    expect(own.topic).toBe(worker.topic); // the same at every process
  });

  it('is heard by the caller of a stream at another process, event by event and byte for byte', async () => {
    const reader = await stream('chat');
    const task = await worker.takeOne('chat:0');
    expect(task).toMatchObject({ response_mode: 'streaming', instance_id: expect.any(String), status: 'queued' });
    await worker.progress(task, { eventId: '1', eventName: 'delta', eventData: { text: 'Grö', n: [1, 2] } });
    const first = 'id:1\nevent:delta\ndata:{"text":"Grö","n":[1,2]}\n\n';
    expect(await reader.until('\n\n')).toBe(first);
    await worker.progress(task, { eventId: '2', eventName: 'delta', eventData: 'data: {"raw":true}' });
    await worker.progress(task, { eventId: '3', eventName: 'delta', eventData: 12_345 });
    await worker.progress(task, { eventId: '4', eventName: 'end', eventData: '[DONE]' });
    await worker.complete(task, { status_code: 200, request_id: 'r-1', stream: true });
    expect(await reader.end()).toBe(
      `${first}id:2\nevent:delta\ndata:{"raw":true}\n\nid:3\nevent:delta\ndata:12345\n\nid:4\nevent:end\ndata:[DONE]\n\n`,
    );
    expect(await client.task(task.task_id)).toMatchObject({ state: 'completed', result: { request_id: 'r-1' } });
  });

  it('answers blocking callers at any process, with numbers as it wrote them', async () => {
    for (const _ of [1, 2, 3]) {
      const answered = call('chat');
      const task = await worker.takeOne('chat:0');
      const payload = `{"taskId":"${task.task_id}","result":{"status_code":404,"body":{ "big": 12345678901234567890 }}}`;
      await worker.add(task['instance_id'], 'task-completion-event', payload);
      expect((await answered).status).toBe(404);
      const stored = await callers.fetch(`/v1/queue/${task.task_id}`);
      expect(await stored.text()).toContain('{ "big": 12345678901234567890 }');
    }
  });

  it('says thousands of things in their order', async () => {
    const reader = await stream('chat');
    const task = await worker.takeOne('chat:0');
    const count = 3_000;
    const sent = Array.from({ length: count }, (_, at) => worker.progress(task, { eventData: at }));
    await Promise.all([...sent, worker.complete(task, {})]);
    const frames = (await reader.end()).split('\n\n').filter((frame) => frame !== '');
    expect(frames).toEqual(Array.from({ length: count }, (_, at) => `id:${at + 1}\ndata:${at}`));
  });

  it('may do nothing else in Redis', async () => {
    for (const act of [
      () => worker.redis.get(`${worker.topic}x`),
      () => worker.redis.xrange(`${worker.topic}x`, '-', '+'),
      () => worker.redis.xadd(pattern.replace(/eventbus:\*$/, 'permits'), '*', 'a', 'b'),
      () => worker.redis.config('GET', '*'),
      () => worker.redis.publish('x', 'y'),
    ]) {
      await expect(act()).rejects.toThrow('NOPERM');
    }
  });
});

describe('a report that does not count', () => {
  let task: HeldTask;

  beforeAll(async () => {
    await client.put('chat');
    task = await worker.takeOne('chat:0');
  });

  async function expectUntouched({ task_id: id }: HeldTask): Promise<void> {
    expect(await client.task(id)).toMatchObject({ state: 'leased', status: 'queued' });
    const seen = await place.examine((stored) =>
      stored.rows<{ n: number }>(
        `SELECT COUNT(*) AS n FROM task_event WHERE task_seq = (SELECT seq FROM task WHERE id = '${id}')`,
      ),
    );
    expect(seen[0]!.n).toBe(0);
  }

  it.each([
    ['malformed', 'task-completion-event', '{"taskId":'],
    ['malformed', 'task-completion-event', '[]'],
    ['malformed', 'task-completion-event', ''],
    ['malformed', 'task-completion-event', '{"taskId":"ID"}'],
    ['malformed', 'task-completion-event', '{"taskId":"ID","result":"text"}'],
    ['malformed', 'task-completion-event', '{"taskId":7,"result":{}}'],
    ['malformed', 'task-completion-event', '{"taskId":"ID","result":{},"__proto__":{"isAdmin":true}}'],
    ['malformed', 'task-completion-event', `{"taskId":"ID","result":{"body":${'['.repeat(300)}${']'.repeat(300)}}}`],
    ['malformed', 'task-progress-event', '{"taskId":"ID"}'],
    ['malformed', 'task-progress-event', '{"taskId":"ID","eventName":"a\\nb","eventData":1}'],
    ['unknown_name', 'task-cancel-event', '{"taskId":"ID"}'],
    ['oversized', 'task-completion-event', `{"taskId":"ID","result":{"body":"${'x'.repeat(MAX_BODY)}"}}`],
    ['unknown_task', 'task-completion-event', '{"taskId":"task_0198f3a2c4d57b1e8a3f5c6d7e8f9a0b","result":{}}'],
    ['unknown_task', 'task-completion-event', '{"taskId":"no id at all","result":{}}'],
  ])('is counted as %s and changes nothing: %s %s', async (outcome, name, payload) => {
    const text = payload.replace('ID', task.task_id);
    await expectPassedOver(outcome, 1, () => worker.add(task['instance_id'], name, text));
    await expectUntouched(task);
  });

  it("nor does one on another tenant's task, or on one of a queue that is not marked", async () => {
    const admin = new ConsoleClient(callers);
    const { token } = await admin.post('keys', { name: 'x', tenant: 'rival', scopes: ['worker'] });
    await admin.post('queues', { name: 'theirs', tenant: 'rival', consumers: ['pull'], eventbus: true });
    const rival = await started(takers, token);
    await expectPassedOver('unknown_task', 2, async () => {
      await rival.progress(task, { eventData: 'forged' });
      await rival.complete(task, { body: 'forged' });
    });
    await expectUntouched(task);

    await client.put('plain');
    const plain = await worker.takeOne('plain:0');
    expect(plain['instance_id']).toBeUndefined();
    const forged = { ...plain, instance_id: task['instance_id'] };
    await expectPassedOver('queue_not_marked', 2, async () => {
      await worker.progress(forged, { eventData: 'not here' });
      await worker.complete(forged, { body: 'not here' });
    });
    await expectUntouched(plain);
  });

  it('nor a second one on the same task, nor one of a lease that has ended', async () => {
    await worker.complete(task, { body: 'the first' });
    await until(
      () => client.task(task.task_id),
      ({ state }) => state === 'completed',
    );
    await expectPassedOver('late', 2, async () => {
      await worker.complete(task, { body: 'the second' });
      await worker.progress(task, { eventData: 'too late' });
    });
    expect((await client.task(task.task_id)).result.body).toBe('the first');
    const warning = await takers.logged(({ msg }) => msg === "workers' reports over Redis changed nothing");
    expect(warning['passedOver']).toEqual({ malformed: 1 }); // the first one; what follows is told of every ten seconds
  });
});

describe('a server', () => {
  it('does not start when the user whom workers are told may do more, and says how to mend it', async () => {
    const mighty = `mighty-${randomUUID().slice(0, 8)}`;
    await redis.acl('SETUSER', mighty, 'reset', 'on', '>it', 'allkeys', '+@all');
    const url = inject('services')!.redisUrl.replace('//', `//${mighty}:it@`);
    const server = TestServer.prepare({ MILLRACE_EVENTBUS_URL: url, MILLRACE_PORT: '0' }, place);
    const refusal = await server.restart().then(
      () => null,
      (error: unknown) => error,
    );
    await redis.acl('DELUSER', mighty);
    expect(refusal).toBeInstanceOf(EndedTooSoon);
    expect((refusal as Error).message).toContain(`ACL SETUSER ${mighty} reset on >PASSWORD`);
    expect((refusal as Error).message).not.toContain(':it@');
  });

  it('ends its streams when it ends, and a worker that goes on writing changes nothing elsewhere', async () => {
    const answered = call('chat');
    const task = await worker.takeOne('chat:0');
    await takers.stop();
    expect(await redis.keys(`*${task['instance_id']}*`)).toEqual([]);
    await worker.complete(task, { body: 'nobody reads it' });
    expect(await client.task(task.task_id)).toMatchObject({ state: 'leased' });
    await client.post(`${task.task_id}/complete`, { body: 'over HTTP' });
    expect((await answered).body).toBe('over HTTP');
    // Who is left drops it within minutes; `distributed-reports.spec.ts` does not wait for so long.
    expect(await redis.keys(`*:${task['instance_id']}`)).toEqual([worker.topic + task['instance_id']]);
    await redis.del(worker.topic + task['instance_id']);
  });
});
