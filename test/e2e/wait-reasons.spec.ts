/** Why ready tasks are not taken where nothing is broken: a rate is used up, or others go first. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConsoleClient, type Json } from '../support/console.js';
import { Gate } from '../support/inbox.js';
import { PullWorker } from '../support/pull-worker.js';
import { ECHO, ScriptedUpstream } from '../support/scripted-upstream.js';
import { TestServer } from '../support/server.js';
import { until } from '../support/until.js';

const DATA = { model: 'm', messages: [{ role: 'user', content: 'a' }] };
const MINUTE_MS = 60_000;

let server: TestServer;
let admin: ConsoleClient;
let client: PullWorker;
let upstream: ScriptedUpstream;
let gate = new Gate();

beforeAll(async () => {
  upstream = await ScriptedUpstream.start();
  upstream.answerWith(async (request) => {
    await gate.opened;
    return ECHO(request);
  });
  server = await TestServer.start();
  admin = new ConsoleClient(server);
  client = new PullWorker(server);
});

afterAll(async () => {
  gate.open();
  await server.close();
  await upstream.close();
});

/** A queue, with an upstream of the same name when settings of one are given. */
async function makeQueue(name: string, settings: object, ofUpstream: object | null = null): Promise<void> {
  if (ofUpstream) await admin.post('upstreams', { name, base_url: upstream.url, ...ofUpstream });
  await admin.post('queues', { name, ...(ofUpstream ? { upstream: name } : {}), ...settings });
}

const put = (queue: string, level: number, count: number) =>
  client.putMany(queue, count, { endpoint: '/v1/chat/completions', level, data: DATA });

const lane = (name: string, isRight: (lane: Json) => boolean): Promise<Json> =>
  until(
    () => admin.lanes().then((lanes) => lanes[name]),
    (found) => found !== undefined && isRight(found),
  );

/** The time that a reason names. */
const untilOf = (reason: string) => Date.parse(/used up until (\S+Z)/.exec(reason)![1]!);

/** Each end is made of "in so many milliseconds" and of a clock that goes on meanwhile. */
function expectAboutTheSame(one: string, other: string): void {
  expect(Math.abs(untilOf(one) - untilOf(other))).toBeLessThanOrEqual(1_000);
}

describe('a rate that is used up is told with its end, of', () => {
  it('an upstream', async () => {
    gate.open();
    await makeQueue('paced', {}, { per_minute: 2 });
    const since = Date.now();
    await put('paced', 0, 5);
    const { waits_because: reason } = await lane('paced:0', ({ ready, leased }) => ready === 3 && leased === 0);
    expect(reason).toMatch(/^the rate limit of the upstream 'paced', 2 a minute, is used up until \d{4}-.*Z$/);
    expect(untilOf(reason)).toBeGreaterThanOrEqual(since + MINUTE_MS - 1_000);
    expect(untilOf(reason)).toBeLessThanOrEqual(Date.now() + MINUTE_MS + 1_000);
    const { reasons } = await client.get('paced:0/stats');
    expect(reasons).toEqual([expect.stringMatching(/^the rate limit of the upstream 'paced', 2 a minute, is used up/)]);
    expectAboutTheSame(reasons[0], reason);
    await admin.patch('upstreams/paced', { per_minute: null });
    await lane('paced:0', ({ totals }) => totals.completed === 5);
  });

  it('a queue with an upstream', async () => {
    gate.open();
    await makeQueue('slow', { per_minute: 1 }, {});
    await put('slow', 1, 2);
    const seen = await lane('slow:1', ({ ready, leased }) => ready === 1 && leased === 0);
    expect(seen.waits_because).toMatch(/^the rate limit of the queue 'slow', 1 a minute, is used up until .*Z$/);
    await put('slow', 4, 1);
    const later = await lane('slow:4', ({ ready }) => ready === 1);
    expect(later.waits_because).toMatch(/Z; 1 task at lower levels goes first$/);
    expectAboutTheSame(later.waits_because, seen.waits_because);
  });

  it('a queue that workers pull from, at whatever level', async () => {
    await makeQueue('sipped', { consumers: ['pull'], per_minute: 2 });
    await put('sipped', 0, 3);
    await put('sipped', 3, 1);
    for (const task of await client.take('sipped:0', { size: 10 })) await client.complete(task);
    const lanes = await admin.lanes();
    for (const name of ['sipped:0', 'sipped:3'])
      expect(lanes[name].waits_because).toMatch(
        /^the rate limit of the queue 'sipped', 2 a minute, is used up until [^;]*Z$/,
      );
  });
});

describe('tasks that go first are counted', () => {
  it('over all queues of the upstream, where its permits are in use', async () => {
    gate = new Gate();
    await makeQueue('shared-a', {}, { concurrency: 1 });
    await makeQueue('shared-b', { upstream: 'shared-a' });
    await put('shared-a', 0, 3);
    await lane('shared-a:0', ({ leased }) => leased > 0);
    await put('shared-b', 1, 2);
    await put('shared-b', 2, 2);
    const scarce = "the only permit of the upstream 'shared-a' is in use";
    const lanes = await until(
      () => admin.lanes(),
      (seen) => seen['shared-a:0'].ready === 2,
    );
    expect(lanes['shared-a:0'].waits_because).toBe(scarce);
    expect(lanes['shared-b:1'].waits_because).toBe(`${scarce}; 2 tasks at lower levels go first`);
    expect(lanes['shared-b:2'].waits_because).toBe(`${scarce}; 4 tasks at lower levels go first`);
    expect((await client.get('shared-b:2/stats')).reasons).toEqual([lanes['shared-b:2'].waits_because]);
  });

  it('but not those of a queue that runs nothing just now', async () => {
    await admin.post('queues/shared-a/pause');
    expect((await admin.lanes())['shared-b:1'].waits_because).toBe(
      "the only permit of the upstream 'shared-a' is in use",
    );
    await admin.post('queues/shared-a/resume');
    gate.open();
    await lane('shared-b:2', ({ totals }) => totals.completed === 2);
  });

  it('in a queue whose workers are at work on lower levels', async () => {
    await makeQueue('handed', { consumers: ['pull'] });
    await put('handed', 2, 1);
    expect((await admin.lanes())['handed:2'].waits_because).toBe("no worker takes from the queue 'handed'");
    await put('handed', 0, 2);
    expect((await admin.lanes())['handed:2'].waits_because).toBe("no worker takes from the queue 'handed'");
    await client.take('handed:0', { size: 1, process_timeout: 60 });
    const lanes = await admin.lanes();
    expect(lanes['handed:0'].waits_because).toBe(
      "the workers of the queue 'handed' are busy with 1 task of this level",
    );
    expect(lanes['handed:2'].waits_because).toBe("1 task of the queue 'handed' at lower levels goes first");
  });
});
