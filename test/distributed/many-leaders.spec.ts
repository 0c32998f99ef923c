/**
 * Engines that all lead at the same time, as two may for a moment: nobody's claim lasts, so each takes it again and again, and
 * each runs every sweep, reads every batch in and writes its files. Nothing is lost for it, and nothing is done twice.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { createConnection, type Connection } from 'mysql2/promise';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { textOf } from '../support/batches.js';
import { chatLines } from '../support/chat-lines.js';
import { Deployment } from '../support/deployment.js';
import { DeploymentBatch } from '../support/deployment-batch.js';
import { idsOf, PullWorker } from '../support/pull-worker.js';
import { Remains } from '../support/remains.js';
import { ResultLines } from '../support/result-lines.js';
import { ScriptedUpstream } from '../support/scripted-upstream.js';
import type { TestServer } from '../support/server.js';
import { until } from '../support/until.js';

vi.setConfig({ testTimeout: 180_000 });

const IS_LONG = process.env['LONG'] === '1';
const ENGINES = 3;
const TASKS = IS_LONG ? 400 : 60;
const LINES = IS_LONG ? 2_000 : 300;
/** Well below the two seconds after which a leader prolongs its claim. */
const FORGET_MS = 50;

let deployment: Deployment;
let database: Connection;
let receiver: ScriptedUpstream;
let client: PullWorker;
let forgetting: NodeJS.Timeout;

beforeAll(async () => {
  receiver = await ScriptedUpstream.start(() => ({ body: '{}' }));
  const env = { MILLRACE_CALLBACK_ALLOW: '127.0.0.1' };
  deployment = await Deployment.start({ apis: 1, engines: ENGINES, sim: { latencyMs: 150 }, env });
  client = new PullWorker(deployment.apis[0]!);
  database = await createConnection({ uri: deployment.place.env['MILLRACE_DATABASE_URL']! });
  forgetting = setInterval(() => void forgetClaims(), FORGET_MS);
});
beforeEach(async () => {
  await allLead();
});
afterEach(() => deployment.heal());
afterAll(async () => {
  clearInterval(forgetting);
  await database.end();
  await deployment.end();
  await receiver.close();
});

/** Those of whoever reads a batch in or writes its files, too. */
async function forgetClaims(): Promise<void> {
  try {
    await database.query('DELETE FROM leader');
  } catch (error) {
    if ((error as { code?: string }).code !== 'ER_LOCK_DEADLOCK') throw error; // the next one comes soon
  }
}

const leads = async (engine: TestServer): Promise<boolean> =>
  /^millrace_leader(\{.*\})? 1$/m.test(await (await engine.fetch('/metrics')).text());

/** Of the engines that run, how many lead. */
async function leaders(): Promise<number> {
  const found = await Promise.all(deployment.engines.filter(({ isRunning }) => isRunning).map(leads));
  return found.filter(Boolean).length;
}

async function allLead(): Promise<void> {
  await until(leaders, (count) => count === ENGINES);
}

const problems = () => Remains.examine(deployment.place, (remains) => remains.problems());
const count = (sql: string) => deployment.value<number>(`SELECT COUNT(*) FROM ${sql}`);
const statesOf = async (ids: readonly string[]): Promise<Set<string>> =>
  new Set(await Promise.all(ids.map(async (id) => ((await client.task(id)) as { state: string }).state)));

/** Puts tasks, each with a callback of its own. */
async function putMany(queue: string, over: object): Promise<{ ids: string[]; calledBack: () => Promise<string[]> }> {
  const path = `/${queue}-${Math.random().toString(36).slice(2)}`;
  const ids = await client.putMany(queue, TASKS, { callback_url: receiver.url.replace('/v1', path), ...over });
  const got = () => receiver.requests.items.filter((request) => request.path === path);
  const calledBack = async () => {
    await until(got, (requests) => requests.length >= ids.length);
    await delay(1_500); // a second one would come now
    return got().map(({ headers }) => String(headers['webhook-id']));
  };
  return { ids, calledBack };
}

/** As many callbacks as tasks, and each sent once. */
function expectOnce(webhookIds: readonly string[]): void {
  expect([webhookIds.length, new Set(webhookIds).size]).toEqual([TASKS, TASKS]);
}

it('tasks that come due are there once, and are answered once', async () => {
  await client.makeQueue('due');
  const { ids, calledBack } = await putMany('due', { delay: 2 });
  await until(
    () =>
      count(`task JOIN lane ON lane.seq = lane_seq JOIN queue ON queue.seq = lane.queue_seq
      WHERE queue.name = 'due' AND task.state = 1`),
    (ready) => ready === TASKS,
  );
  const taken = [];
  while (taken.length < TASKS) taken.push(...(await client.take('due:0', { fifo_max: 10 })));
  expect(await client.take('due:0')).toEqual([]);
  // Each in the place that it had.
  expect(idsOf(taken)).toEqual(ids);
  for (const task of taken) expect((await client.complete(task)).status).toBe(200);
  expectOnce(await calledBack());
  expect([await problems(), await leaders()]).toEqual([[], ENGINES]);
});

it('tasks whose time is over, or whose worker was not heard of again, end once', async () => {
  for (const queue of ['late', 'left']) await client.makeQueue(queue);
  const late = await putMany('late', { timeout: 1 });
  const left = await putMany('left', {});
  const take = () => client.take('left:0', { fifo_max: 10, process_timeout: 2, process_max_retries: 0 });
  for (let held = 0; held < TASKS;) held += (await take()).length;
  expectOnce(await late.calledBack());
  expectOnce(await left.calledBack());
  expect([await statesOf(late.ids), await statesOf(left.ids)]).toEqual([new Set(['expired']), new Set(['completed'])]);
  expect([await problems(), await leaders()]).toEqual([[], ENGINES]);
});

it('a lane is cleared once', async () => {
  await client.makeQueue('cleared');
  const { ids, calledBack } = await putMany('cleared', {});
  await deployment.apis[0]!.fetch('/v1/console/cleared:0/clear', {
    method: 'POST',
    headers: { authorization: `Bearer ${client.key}` },
  });
  await until(
    () => statesOf(ids),
    (states) => states.size === 1 && states.has('cancelled'),
  );
  expectOnce(await calledBack());
  expect([await problems(), await leaders()]).toEqual([[], ENGINES]);
});

it('the leases of an engine that died go back once, and its batch has its files once', async () => {
  const run = await DeploymentBatch.submit(deployment, chatLines(LINES));
  await run.reached(LINES / 6);
  await (await deployment.busiestEngine()).kill();
  const report = await run.judge(1, ({ losses }) => ({ 'leases that went back': losses }));
  expect([report.problems, await leaders()]).toEqual([[], ENGINES - 1]);
  expect(await count(`file WHERE purpose = 'batch_output' AND deleted_at IS NULL`)).toBe(1);
});

it('a batch whose window is over has one answer for each line', async () => {
  await deployment.sim.control.change({ latencyMs: 1_000 });
  const lines = chatLines(LINES);
  const run = await DeploymentBatch.submit(deployment, lines);
  await run.reached(1);
  await database.query(`UPDATE batch SET expires_at = 1 WHERE id = ?`, [run.batch.id]);
  const { status, output_file_id, error_file_id } = await run.until();
  const { openai } = deployment.apis[0]!;
  const results = new ResultLines(await textOf(openai, output_file_id), await textOf(openai, error_file_id));
  expect(results.all.map(({ customId }) => customId).sort()).toEqual(lines.map(({ customId }) => customId).sort());
  expect([status, results.error.every(({ isNotRun }) => isNotRun)]).toEqual(['expired', true]);
  expect([await problems(), await leaders()]).toEqual([[], ENGINES]);
});
