/** What operators read of a database that is away: that it is, and not each time somebody misses it. */
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { start } from '../support/batches.js';
import { chatLines } from '../support/chat-lines.js';
import { Deployment } from '../support/deployment.js';
import { PutLoad } from '../support/put-load.js';
import type { LogLine } from '../support/server.js';
import { until } from '../support/until.js';

vi.setConfig({ testTimeout: 120_000 });

const OUTAGE_MS = process.env['LONG'] === '1' ? 60_000 : 8_000;
const AWAY = 'the database is away or refuses; what needs it waits, or is refused with 503';
const BACK = 'the database is there again';

let deployment: Deployment;
beforeAll(async () => {
  deployment = await Deployment.start({ apis: 1, engines: 1, sim: { latencyMs: 500 } });
  await PutLoad.prepare(deployment.apis[0]!);
});
afterAll(() => deployment.end());

it('is told when it begins and ends, and what fails by it in a few lines, however many clients there are', async () => {
  const { mysql, processes } = deployment;
  const { openai } = deployment.apis[0]!;
  const lines = chatLines(2_000).map(({ text }) => text);
  const { id } = await start(openai, lines);
  await until(
    async () => (await openai.batches.retrieve(id)).request_counts!.completed,
    (completed) => completed > 0,
  );
  const load = new PutLoad(deployment.apis[0]!);
  load.start();
  await until(
    () => load.answers['200'] ?? 0,
    (puts) => puts > 0,
  );
  const begun = processes.map(({ logs }) => logs.length);
  await mysql.kill();
  await until(
    () => load.answers['503 with Retry-After'] ?? 0,
    (refusals) => refusals > 100,
  );
  await delay(OUTAGE_MS);
  await mysql.restart();
  await Promise.all(processes.map((one) => one.logged(({ msg }) => msg === BACK)));
  await load.stop();
  for (const [place, { logs }] of processes.entries()) {
    const told = logs.slice(begun[place]);
    const times: Record<string, number> = {};
    for (const { msg } of told) times[msg] = (times[msg] ?? 0) + 1;
    process.stdout.write(`${JSON.stringify(times)}\n`);
    expect(times).toMatchObject({ [AWAY]: 1, [BACK]: 1 });
    expect(told.filter(hasStack)).toEqual([]);
    expect(told.length).toBeLessThan(40);
  }
});

const hasStack = (line: LogLine): boolean => JSON.stringify(line).includes('"stack"');
