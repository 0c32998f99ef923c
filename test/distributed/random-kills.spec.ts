/**
 * A batch over two engines and two api processes that are killed again and again at moments that nobody chose. `SEED=…`
 * draws the same moments again; where they fall in the work depends on the machine.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { Random } from '../../src/sim/sim-random.js';
import { chatLines } from '../support/chat-lines.js';
import { Deployment } from '../support/deployment.js';
import { DeploymentBatch } from '../support/deployment-batch.js';
import type { TestServer } from '../support/server.js';

const IS_LONG = process.env['LONG'] === '1';
const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
const LINES = chatLines(IS_LONG ? 20_000 : 3_000);
const KILLS = IS_LONG ? 20 : 6;
const random = new Random(SEED);

vi.setConfig({ testTimeout: IS_LONG ? 900_000 : 180_000 });

let deployment: Deployment;
beforeAll(async () => {
  deployment = await Deployment.start({ sim: { latencyMs: 60 } });
});
afterAll(() => deployment.end());

it(`completes ${LINES.length} lines in spite of ${KILLS} kills of engines and an api (SEED=${SEED})`, async () => {
  const run = await DeploymentBatch.submit(deployment, LINES);
  const victims: readonly TestServer[] = [...deployment.engines, deployment.apis[1]!];
  let [engineKills, midway] = [0, 0];
  for (let kills = 0; kills < KILLS; kills += 1) {
    await delay(random.next() * 1_200);
    const victim = victims[kills % victims.length]!;
    if (victim !== deployment.apis[1]) engineKills += 1;
    await victim.kill();
    await run.until(() => true);
    if (run.batch.status === 'in_progress') midway += 1;
    await victim.restart();
  }
  const report = await run.judge(engineKills, ({ losses }) => ({
    'kills in the middle of the work': midway,
    'lost leases that went back': losses,
  }));
  expect(report.problems).toEqual([]);
  expect([run.batch.status, run.batch.request_counts!.completed]).toEqual(['completed', LINES.length]);
  const { inFlightAtKills, extraCalls } = report;
  process.stdout.write(`${JSON.stringify({ SEED, midway, inFlightAtKills, extraCalls, answers: run.answers })}\n`);
});
