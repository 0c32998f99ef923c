/** The wires between processes and services: cut, slow, and swallowing bytes, while a batch runs and clients put tasks. */
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { chatLines } from '../support/chat-lines.js';
import { Deployment, type ServiceName } from '../support/deployment.js';
import { PutLoad } from '../support/put-load.js';
import { strikeBatch } from '../support/struck-batch.js';

const IS_LONG = process.env['LONG'] === '1';
vi.setConfig({ testTimeout: IS_LONG ? 900_000 : 240_000 });

const CUT_MS = IS_LONG ? 60_000 : 1_000;
const SLOW_MS = IS_LONG ? 10_000 : 1_500;
const SLOW_BY_MS = IS_LONG ? 200 : 50;
const HALF_OPEN_MS = IS_LONG ? 60_000 : 1_000;
// Slow enough that the last fault still finds lines that wait.
const LINES = chatLines(IS_LONG ? 6_000 : 500);
const LATENCY_MS = IS_LONG ? 300 : 150;

let deployment: Deployment;
beforeAll(async () => {
  deployment = await Deployment.start({ apis: 1, engines: 2, sim: { latencyMs: LATENCY_MS } });
  await PutLoad.prepare(deployment.apis[0]!);
});
afterEach(() => deployment.heal());
afterAll(() => deployment.end());

it.each<ServiceName>(['mysql', 'redis', 's3'])('to %s are cut, slow and half-open in turn', async (service) => {
  const links = deployment.linksTo(service);
  const during = (ms: number, strike: (link: (typeof links)[number]) => void) => async () => {
    for (const link of links) strike(link);
    await delay(ms);
    for (const link of links) link.resume();
  };
  const { problems, puts } = await strikeBatch(deployment, {
    lines: LINES,
    strikes: [
      during(CUT_MS, (link) => link.refuse()),
      during(SLOW_MS, (link) => link.delay(SLOW_BY_MS)),
      during(HALF_OPEN_MS, (link) => link.halfOpen({ newOnesToo: true })),
    ],
    // Only whoever cannot reach the database is taken for dead.
    faults: service === 'mysql' ? 2 : 0,
  });
  expect(problems).toEqual([]);
  if (service !== 'mysql') expect(Object.keys(puts), 'puts need the database only').toEqual(['200']);
});
