/** Why ready tasks are not taken, cause by cause, and how fast they are when they are. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Batch } from 'openai/resources/batches';
import { awaited, line, start } from '../support/batches.js';
import { ConsoleClient, type Json } from '../support/console.js';
import { Gate } from '../support/inbox.js';
import { PullWorker } from '../support/pull-worker.js';
import { ECHO, ScriptedUpstream } from '../support/scripted-upstream.js';
import { TestServer } from '../support/server.js';
import { until } from '../support/until.js';

let server: TestServer;
let admin: ConsoleClient;
let upstream: ScriptedUpstream;
let queues = 0;
const batches: Batch[] = [];

beforeAll(async () => {
  upstream = await ScriptedUpstream.start();
  server = await TestServer.start();
  admin = new ConsoleClient(server);
});

afterEach(async () => {
  upstream.answerWith(ECHO);
  for (const { id } of batches.splice(0)) await server.openai.batches.cancel(id).catch(() => null);
});

afterAll(async () => {
  await server.close();
  await upstream.close();
});

/** A queue of its own with this many tasks; returns its lane once that `isRight`. */
async function laneThatWaits(
  queue: object,
  tasks: number,
  isRight: (lane: { reason: string; leased: number }) => boolean,
): Promise<Json> {
  const name = `queue-${++queues}`;
  await admin.post('queues', { name, ...queue });
  const lines = Array.from({ length: tasks }, (_, n) => line(`line-${n}`));
  batches.push(await start(server.openai, lines, { headers: { 'X-Millrace-Queue': name } }));
  return until(
    () => admin.lanes().then((lanes) => lanes[`${name}:1`]),
    // Its totals are read before its tasks are counted, perhaps before they came in.
    (lane) => lane?.totals.put === tasks && isRight({ reason: lane.waits_because ?? '', leased: lane.leased }),
  );
}

const addUpstream = (name: string, settings: object = {}) =>
  admin.post('upstreams', { name, base_url: upstream.url, ...settings });

describe('tasks wait because', () => {
  it('nothing consumes their queue', async () => {
    const lane = await laneThatWaits({}, 3, ({ reason }) => reason.startsWith('nothing consumes'));
    expect(lane).toEqual({
      queue: 'queue-1',
      queue_id: expect.stringMatching(/^queue_/),
      level: 1,
      ready: 3,
      scheduled: 0,
      leased: 0,
      oldest_age_seconds: expect.any(Number),
      completed_per_second: 0,
      totals: { put: 3, taken: 0, completed: 0, failed: 0, expired: 0, cancelled: 0 },
      waits_because: "nothing consumes the queue 'queue-1': give it an upstream or a worker",
    });
  });

  it.each([
    ['pull', 'no worker takes from the queue'],
    ['handler', 'the functions of this server are busy, or none handles the tasks of the queue'],
  ])('their queue is for consumers of the kind %s', async (kind, words) => {
    const lane = await laneThatWaits({ consumers: [kind] }, 1, ({ reason }) => reason !== '');
    expect(lane.waits_because).toBe(`${words} '${lane.queue}'`);
  });

  it('the workers of their queue are busy, which is not the same as that there are none', async () => {
    const worker = new PullWorker(server);
    await worker.makeQueue('busy');
    await worker.putMany('busy', 4);
    await worker.take('busy:0', { size: 2, process_timeout: 60 });
    const reason = "the workers of the queue 'busy' are busy with 2 tasks of this level";
    expect((await admin.lanes())['busy:0']).toMatchObject({ ready: 2, leased: 2, waits_because: reason });
    expect(await worker.get('busy:0/stats')).toMatchObject({ reasons: [reason] });
  });

  it('nothing: workers take them and are done with each at once', async () => {
    const worker = new PullWorker(server);
    await worker.makeQueue('brisk');
    await worker.putMany('brisk', 3);
    const [task] = await worker.take('brisk:0', { size: 1 });
    await worker.post(`${task!.task_id}/complete`, { status_code: 200, body: {} });
    expect((await admin.lanes())['brisk:0']).toMatchObject({ ready: 2, leased: 0, waits_because: null });
  });

  it.each([
    ['pull', {}],
    ['upstream', { upstream: 'bounded' }],
  ])('their queue runs as many as it may, over all its levels, with the consumer %s', async (kind, settings) => {
    const gate = new Gate();
    upstream.answerWith(async (request) => {
      await gate.opened;
      return ECHO(request);
    });
    const data = { messages: [{ role: 'user', content: 'a' }] };
    if (kind === 'upstream') await addUpstream('bounded');
    const worker = new PullWorker(server);
    const name = `bounded-${kind}`;
    await worker.makeQueue(name, { consumers: ['pull', kind].slice(-1), max_concurrency: 2, ...settings });
    await worker.putMany(name, 2, { level: 1, data });
    if (kind === 'pull') await worker.take(`${name}:1`, { size: 2, process_timeout: 60 });
    else
      await until(
        () => admin.lanes(),
        (lanes) => lanes[`${name}:1`].leased === 2,
      );
    await worker.put(name, { level: 0, data });
    const lanes = await admin.lanes();
    expect(lanes[`${name}:0`]).toMatchObject({
      ready: 1,
      leased: 0,
      waits_because: `all 2 tasks that the queue '${name}' may run at a time are running`,
    });
    gate.open();
  });

  it('their queue is paused', async () => {
    await addUpstream('held');
    await admin.post('queues', { name: 'held', upstream: 'held' });
    await admin.post('queues/held/pause');
    batches.push(await start(server.openai, [line('a')], { headers: { 'X-Millrace-Queue': 'held' } }));
    const lanes = await until(
      () => admin.lanes(),
      (seen) => seen['held:1']?.ready === 1,
    );
    expect(lanes['held:1'].waits_because).toBe("the queue 'held' is paused");
  });

  it('their upstream asked for a pause', async () => {
    upstream.answerWith(() => ({ status: 429, headers: { 'retry-after': '300' }, body: '{}' }));
    await addUpstream('limited');
    const since = Date.now();
    const lane = await laneThatWaits({ upstream: 'limited' }, 2, ({ reason }) => reason.includes('asked'));
    expect(lane.waits_because).toMatch(/^the upstream 'limited' asked not to be called before \d{4}-.*Z$/);
    const pausedUntil = Date.parse(/before (.*)$/.exec(lane.waits_because)![1]!);
    expect(pausedUntil).toBeGreaterThanOrEqual(since + 300_000 - 1_000);
    expect(pausedUntil).toBeLessThanOrEqual(Date.now() + 300_000 + 1_000);
  });

  it('their upstream cannot be reached', async () => {
    const gone = await ScriptedUpstream.start();
    const { url } = gone;
    await gone.close();
    await addUpstream('gone', { base_url: url });
    const lane = await laneThatWaits({ upstream: 'gone' }, 6, ({ reason }) => reason.includes('has not worked'));
    const words =
      /^the upstream 'gone' has not worked since (\d{4}-.*Z): The upstream could not be reached \(ECONNREFUSED\)\.$/;
    expect(lane.waits_because).toMatch(words);
    const later = await until(
      () => admin.lanes().then((lanes) => lanes[`${lane.queue}:1`]),
      ({ totals }) => totals.taken > lane.totals.taken, // it was tried again
    );
    if (later.waits_because !== null) expect(later.waits_because).toBe(lane.waits_because); // the time is the first
    await admin.patch('upstreams/gone', { base_url: upstream.url });
    const ended = await awaited(server.openai, batches[0]!);
    expect(ended.request_counts).toMatchObject({ completed: 6 });
    expect((await admin.lanes())[`${lane.queue}:1`]).toMatchObject({ ready: 0, waits_because: null });
  });

  it('a gateway stands before a dead server', async () => {
    upstream.answerWith(() => ({ status: 502, body: 'Bad Gateway' }));
    await addUpstream('gateway');
    const lane = await laneThatWaits({ upstream: 'gateway' }, 300, ({ reason }) => reason.includes('has not worked'));
    expect(lane.waits_because).toMatch(/: It answered with status 502\.$/);
  });

  it('all permits of their upstream are in use', async () => {
    const gate = new Gate();
    upstream.answerWith(async (request) => {
      await gate.opened;
      return ECHO(request);
    });
    await addUpstream('narrow', { concurrency: 2 });
    const lane = await laneThatWaits({ upstream: 'narrow' }, 5, ({ leased }) => leased === 2);
    expect(lane).toMatchObject({
      ready: 3,
      leased: 2,
      waits_because: "all 2 permits of the upstream 'narrow' are in use",
    });
    gate.open();
    const ended = await awaited(server.openai, batches[0]!);
    expect(ended.request_counts).toMatchObject({ completed: 5 });
  });

  it('all permits are in use of an upstream that said that it has fewer', async () => {
    const gate = new Gate();
    let calls = 0;
    upstream.answerWith(async (request) => {
      if (++calls === 1) return { status: 429, headers: { 'retry-after-ms': '1' }, body: '{}' };
      await gate.opened;
      return ECHO(request);
    });
    await addUpstream('shrunk', { concurrency: 10 });
    const first = await laneThatWaits({ upstream: 'shrunk' }, 30, ({ reason }) => reason.includes('too many'));
    expect(first.waits_because).toBe("all 7 permits of the upstream 'shrunk' are in use; it said that 10 are too many");
    gate.open();
    expect((await awaited(server.openai, batches[0]!)).request_counts).toMatchObject({ completed: 30 });
  });
});

it('completed tasks show as a rate, of their lane and of all', async () => {
  await addUpstream('fast');
  await admin.post('queues', { name: 'fast', upstream: 'fast' });
  const lines = Array.from({ length: 120 }, (_, n) => line(`line-${n}`));
  await awaited(server.openai, await start(server.openai, lines, { headers: { 'X-Millrace-Queue': 'fast' } }));
  const stats = await admin.get('stats');
  const lane = stats.lanes.find(({ queue }: { queue: string }) => queue === 'fast');
  expect(lane.totals).toMatchObject({ put: 120, completed: 120 });
  expect(lane.completed_per_second).toBeGreaterThanOrEqual(120 / 60);
  expect(lane.completed_per_second).toBeLessThanOrEqual(120);
  expect(stats.completed_per_second).toBeGreaterThanOrEqual(lane.completed_per_second);
});
