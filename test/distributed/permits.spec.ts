/** However many engines there are, and whatever is lost, an upstream gets no more calls at a time than it is to get. */
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { chatLines } from '../support/chat-lines.js';
import { Deployment } from '../support/deployment.js';
import { DeploymentBatch } from '../support/deployment-batch.js';
import { PullWorker } from '../support/pull-worker.js';
import type { TestServer } from '../support/server.js';
import { TcpProxy } from '../support/services/tcp-proxy.js';
import { until } from '../support/until.js';

vi.setConfig({ testTimeout: 180_000 });

const IS_LONG = process.env['LONG'] === '1';
const CONCURRENCY = 8;
const LATENCY_MS = 150;
const OUTAGE_MS = IS_LONG ? 12_000 : 1_500;
/** Longer than what a silent process holds is remembered by itself. */
const CUT_MS = 12_000;
const LONG_CALL_MS = CUT_MS + 6_000;
const LINES = chatLines(IS_LONG ? 4_000 : 600);

let deployment: Deployment;
/** To Redis, one for each engine. */
let wires: TcpProxy[];

beforeAll(async () => {
  const env = { MILLRACE_UPSTREAM_CONCURRENCY: String(CONCURRENCY) };
  deployment = await Deployment.start({ apis: 1, engines: 2, sim: { latencyMs: LATENCY_MS }, env, isStarted: false });
  const { port } = deployment.redis;
  wires = await Promise.all(deployment.engines.map(() => TcpProxy.start(port)));
  await deployment.apis[0]!.restart();
  await Promise.all(
    deployment.engines.map((engine, at) =>
      engine.restart({ MILLRACE_REDIS_URL: `redis://127.0.0.1:${wires[at]!.port}` }),
    ),
  );
});
afterEach(async () => {
  for (const wire of wires) wire.resume();
  await deployment.heal();
});
afterAll(async () => {
  await deployment.end();
  await Promise.all(wires.map((wire) => wire.close()));
});

const mostAtOnce = async (): Promise<number> => (await deployment.sim.control.stats()).maxInFlight;

/** Tasks that the engine runs now. */
const leasesOf = ({ pid }: TestServer) =>
  deployment.value<number>(
    `SELECT COUNT(*) FROM task JOIN instance ON instance.seq = task.owner_seq WHERE task.state = 2 AND pid = ${pid}`,
  );

const leads = async (engine: TestServer): Promise<boolean> =>
  /^millrace_leader(\{.*\})? 1$/m.test(await (await engine.fetch('/metrics')).text());

/** Until both engines have something to do with the upstream: they share it. */
async function shared(): Promise<void> {
  await until(
    () => Promise.all(deployment.engines.map(leasesOf)),
    (counts) => counts.every((count) => count! > 0),
  );
}

/** What is wrong at the end of the batch, and how much of the upstream was used at once. */
async function judge(run: DeploymentBatch, faults: number, paths: Record<string, number>): Promise<unknown[]> {
  const { problems } = await run.judge(faults, () => paths);
  return [...problems, await mostAtOnce()];
}

it('two engines share it, and one is killed and comes back', async () => {
  const run = await DeploymentBatch.submit(deployment, LINES);
  await shared();
  let kills = 0;
  for (; kills < 2; kills += 1) {
    const victim = await deployment.busiestEngine();
    await victim.kill();
    await delay(OUTAGE_MS);
    await victim.restart();
    await shared();
  }
  expect(await judge(run, kills, { 'kills while both had work': kills })).toEqual([CONCURRENCY]);
});

it('Redis is killed and comes back as it was, comes back empty, is flushed, and freezes', async () => {
  const { redis } = deployment;
  const client = redis.client();
  const run = await DeploymentBatch.submit(deployment, LINES);
  await shared();
  let outages = 0;
  for (const strike of [
    async () => {
      await redis.kill();
      await delay(OUTAGE_MS);
      await redis.restart();
    },
    async () => {
      await redis.kill();
      await redis.restart({ empty: true });
    },
    () => client.flushall(),
    async () => {
      redis.pause();
      await delay(OUTAGE_MS);
      redis.resume();
    },
  ]) {
    const { completed } = (await run.until(() => true)).request_counts!;
    await strike();
    await run.reached(completed + CONCURRENCY);
    if (run.batch.status === 'in_progress') outages += 1;
  }
  expect(await judge(run, 0, { 'outages in the middle of the work': outages })).toEqual([CONCURRENCY]);
});

it('the leader is cut off from Redis: what becomes ready is worked off by the other engine', async () => {
  const led = await until(
    () => Promise.all(deployment.engines.map(leads)),
    (found) => found.filter(Boolean).length === 1,
  );
  const client = new PullWorker(deployment.apis[0]!);
  wires[led.indexOf(true)]!.refuse();
  const data = { model: 'm', messages: [{ role: 'user', content: 'Hello.' }] };
  const { body } = await client.ask('POST', 'put', { endpoint: '/v1/chat/completions', data, delay: 2 });
  const { state } = await until(
    () => client.task((body as { data: string }).data) as Promise<{ state: string }>,
    (task) => task.state === 'completed',
  );
  expect([state, await leads(deployment.engines[led.indexOf(true)]!)]).toEqual(['completed', true]);
});

it('one engine is cut off from Redis, which is wiped then, while its calls go on', async () => {
  const { control } = deployment.sim;
  await control.change({ latencyMs: LONG_CALL_MS });
  const run = await DeploymentBatch.submit(deployment, chatLines(3 * CONCURRENCY));
  await until(
    async () => (await control.stats()).inFlight,
    (count) => count === CONCURRENCY,
  );
  const cut = await deployment.busiestEngine();
  wires[deployment.engines.indexOf(cut)]!.refuse();
  await deployment.redis.client().flushall();
  await delay(CUT_MS);
  const stillHeld = await leasesOf(cut);
  expect(await mostAtOnce()).toBe(CONCURRENCY);
  await control.change({ latencyMs: LATENCY_MS });
  const { completed } = (await run.until(() => true)).request_counts!;
  // The other engine goes on meanwhile, with what is left to it and what comes free.
  await run.reached(completed + CONCURRENCY + 1);
  for (const wire of wires) wire.resume();
  expect(await judge(run, 0, { 'calls of the engine that was cut off': stillHeld! })).toEqual([CONCURRENCY]);
});
