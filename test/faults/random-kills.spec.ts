/**
 * A server that is killed again and again at moments that nobody chose: while it starts, reads a batch in, works on it and
 * writes its files. `SEED=…` draws the same moments again; where they fall in the work depends on the machine.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { Random } from '../../src/sim/sim-random.js';
import { awaited, createBatch, upload } from '../support/batches.js';
import { chatLines } from '../support/chat-lines.js';
import { FaultRun, refuseOthers } from '../support/fault-run.js';
import { SimProcess } from '../support/sim-process.js';
import { until } from '../support/until.js';

const IS_LONG = process.env['LONG'] === '1';
const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
const LINES = chatLines(IS_LONG ? 20_000 : 3_000, { words: (n) => (n % 50 === 0 ? 'big_40' : null) });
const KILLS = IS_LONG ? 50 : 12;
/** Of these, kills of servers that write the files. */
const LATE_KILLS = 3;

const random = new Random(SEED);
const upTo = (most: number) => Math.floor(random.next() * most);

vi.setConfig({ testTimeout: IS_LONG ? 900_000 : 300_000 });

let sim: SimProcess;
let run: FaultRun;
/** In which state of the batch the kills came, with how many of them. */
let phases: Record<string, number>;

beforeAll(async () => {
  sim = await SimProcess.start({ latencyMs: 25 });
});
afterAll(() => sim.close());
afterEach(() => run.close());

/** Looks at what a killed server left: it must be sound, and tells how far the batch was. */
async function noteDeath(): Promise<void> {
  const { phase, problems } = await run.examine(async (remains) => ({
    phase: await remains.value<string>(
      "SELECT CASE WHEN ingested < total OR total = 0 THEN 'being read in' ELSE state END FROM batch",
    ),
    problems: await remains.problems(),
  }));
  expect(problems).toEqual([]);
  expect(phase, 'the batch was answered for, so it must be there').not.toBeNull();
  phases[phase!] = (phases[phase!] ?? 0) + 1;
}

/** Kills a server that is ready, at most 600 ms later. */
async function killAtWork(): Promise<void> {
  await run.restart();
  await delay(upTo(600));
  await run.kill();
}

it(`completes a batch of ${LINES.length} lines in spite of ${KILLS} kills at random (SEED=${SEED})`, async () => {
  run = await FaultRun.prepare({ sim, lines: LINES });
  phases = {};
  const startedAt = performance.now();
  await run.restart();
  const startMs = performance.now() - startedAt;
  await run.submit();
  await run.client.files.delete(run.fileId!); // The batch must keep its bytes.
  await delay(upTo(30));
  await run.kill();
  await noteDeath();
  while (run.kills < KILLS - LATE_KILLS) {
    await (random.next() < 0.4 ? run.killAfter(upTo(startMs)) : killAtWork());
    await noteDeath();
  }
  await run.dieAt('finalize:page');
  await noteDeath();
  while (run.kills < KILLS) {
    await run.killAfter(upTo(startMs));
    await noteDeath();
  }
  await run.restart();
  const report = await run.finish(({ rescued }) => ({
    'kills while the batch was read in': phases['being read in'] ?? 0,
    'kills while it was worked on': phases['in_progress'] ?? 0,
    'kills while its files were written': phases['finalizing'] ?? 0,
    'leases that a next server took back': rescued,
  }));
  expect(report.problems).toEqual([]);
  expect(run.batch!.status).toBe('completed');
  expect(run.batch!.request_counts!.completed).toBe(LINES.length);
  expect(KILLS - (phases['completed'] ?? 0)).toBeGreaterThanOrEqual(10);
  process.stdout.write(
    `${JSON.stringify({ seed: SEED, phases, rescued: report.inFlightAtKills, extraCalls: report.extraCalls })}\n`,
  );
});

it(`starts on a folder where no start before it came to an end (SEED=${SEED})`, async () => {
  run = await FaultRun.prepare({ sim, lines: LINES.slice(0, 100) });
  let wasReady = 0;
  for (let time = 0; time < 4; time += 1) if (await run.killAfter(300 + upTo(600))) wasReady += 1;
  await run.restart();
  const report = await run.finish(({ kills }) => ({ 'kills before the server was ready': kills - wasReady }));
  expect(report.problems).toEqual([]);
});

it(`keeps what it has answered for, of many requests that are cut off (SEED=${SEED})`, async () => {
  run = await FaultRun.prepare({ sim, lines: [] });
  const text = `${LINES[0]!.text}\n`;
  const files = new Set<string>();
  const batches = new Set<string>();
  let cutOff = 0;
  /** One client: uploads and starts batches, one after the other, until the server is gone. */
  const work = async (): Promise<void> => {
    for (;;) {
      const file = await upload(run.client, text);
      files.add(file);
      batches.add((await createBatch(run.client, file)).id);
    }
  };
  for (let time = 0; time < 2; time += 1) {
    await run.restart();
    const clients = Array.from({ length: 16 }, () => work().catch(refuseOthers));
    const enough = batches.size + 1 + upTo(40);
    await until(
      () => batches.size,
      (size) => size >= enough,
    );
    await run.kill();
    cutOff += (await Promise.all(clients)).length;
  }
  await run.restart();
  const there = await all(run.client.batches.list({ limit: 100 }));
  const filesThere = await all(run.client.files.list({ purpose: 'batch' }));
  expect([...batches].filter((id) => !there.some((batch) => batch.id === id))).toEqual([]);
  expect([...files].filter((id) => !filesThere.some((file) => file.id === id))).toEqual([]);
  // What was not answered for may be there or not, but not in part, and at most once for each client.
  expect(there.length - batches.size).toBeLessThanOrEqual(cutOff);
  expect(filesThere.length - files.size).toBeLessThanOrEqual(cutOff);
  // One after the other: a hundred who look at once are a load of their own.
  const ended = [];
  for (const batch of there) ended.push(await awaited(run.client, batch));
  expect(ended.filter(({ status, request_counts }) => status !== 'completed' || request_counts!.total !== 1)).toEqual(
    [],
  );
  await run.server.stop();
  expect(await run.examine((remains) => remains.problems())).toEqual([]);
});

async function all<T>(pages: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of pages) items.push(item);
  return items;
}
