/** Processes that die, freeze, wake up and are asked to end, one of several that do the same work. */
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { SILENT_MS } from '../../src/modules/instances/instance-policy.js';
import { refuseOthers } from '../support/fault-run.js';
import { chatLines } from '../support/chat-lines.js';
import { Deployment } from '../support/deployment.js';
import { DeploymentBatch } from '../support/deployment-batch.js';
import { PullWorker, type HeldTask } from '../support/pull-worker.js';
import type { TestServer } from '../support/server.js';
import { until } from '../support/until.js';

const IS_LONG = process.env['LONG'] === '1';
vi.setConfig({ testTimeout: IS_LONG ? 600_000 : 180_000 });

/** For a look each second, and a busy machine. */
const SLACK_MS = 4_000;
/** At least; in any case for so long that others take it for dead. */
const API_FROZEN_MS = IS_LONG ? 40_000 : 0;
const DELAYED = 60;

let deployment: Deployment;
let atA: PullWorker;
let atB: PullWorker;
beforeAll(async () => {
  deployment = await Deployment.start({ apis: 2, engines: 2, sim: { latencyMs: 100 } });
  [atA, atB] = deployment.apis.map((api) => new PullWorker(api)) as [PullWorker, PullWorker];
});
afterEach(() => deployment.heal());
afterAll(() => deployment.end());

/** Makes a queue; resolves when the other process has heard of it too. */
async function makeKnown(name: string): Promise<void> {
  await atA.makeQueue(name);
  await until(
    () => atB.ask('POST', 'take', { queues: [`${name}:0`], size: 1 }),
    ({ status }) => status === 200,
  );
}

const leads = async (engine: TestServer): Promise<boolean> =>
  /^millrace_leader(\{.*\})? 1$/m.test(await (await engine.fetch('/metrics')).text());

/** Lines that the engine runs now. */
const leasesOf = ({ pid }: TestServer) =>
  deployment.value<number>(
    `SELECT COUNT(*) FROM task JOIN instance ON instance.seq = task.owner_seq WHERE task.state = 2 AND pid = ${pid}`,
  );

const lostLeases = () => deployment.value<number>("SELECT COUNT(*) FROM attempt WHERE outcome = 'lost'");

/** Tasks of a queue, or those of them that may be taken. */
const tasksOf = (name: string, which: 'all' | 'ready' = 'all') =>
  deployment.value<number>(
    `SELECT COUNT(*) FROM task JOIN lane ON lane.seq = lane_seq JOIN queue ON queue.seq = lane.queue_seq
     WHERE queue.name = '${name}' AND ${which === 'all' ? 'TRUE' : 'task.state = 1'}`,
  );

/** How often tasks of a queue were taken. */
const takenOf = (name: string) =>
  deployment.value<number>(
    `SELECT SUM(epoch) FROM task JOIN queue ON queue.seq = task.queue_seq WHERE queue.name = '${name}'`,
  );

it('an engine that leads and is frozen: another leads, its leases go back, its late answers change nothing, it goes on as a new one', async () => {
  await atA.makeQueue('brief');
  // Slow enough that both have work until the end.
  await deployment.sim.control.change({ latencyMs: 500 });
  const run = await DeploymentBatch.submit(deployment, chatLines(IS_LONG ? 2_000 : 500));
  const isFirst = await until(
    () => Promise.all(deployment.engines.map(leads)),
    (found) => found.includes(true),
  );
  const [frozen, other] = (isFirst[0] ? deployment.engines : deployment.engines.toReversed()) as [
    TestServer,
    TestServer,
  ];
  // Due while the leader is frozen, at its waking, and after it.
  for (let n = 0; n < DELAYED; n += 1) await atA.put('brief', { delay: 3 + (n % 10) });
  await until(
    () => leasesOf(frozen),
    (count) => count! > 0,
  );
  frozen.send('SIGSTOP');
  const lost = await until(lostLeases, (count) => count! > 0, SILENT_MS + SLACK_MS + SLACK_MS);
  expect(await leads(other)).toBe(true);
  const promoted = await tasksOf('brief', 'ready');
  frozen.send('SIGCONT');
  await frozen.logged(({ msg }) => msg.startsWith('others took this server for dead'));
  await until(
    () => tasksOf('brief', 'ready'),
    (count) => count === DELAYED,
  );
  const leaders = await until(
    () => Promise.all([frozen, other].map(leads)),
    (found) => found.filter(Boolean).length === 1,
  );
  expect(leaders).toEqual([false, true]);
  // From here on the new instance is alone.
  expect(await other.stop()).toEqual({ code: 0, signal: null });
  await run.until(() => true);
  await deployment.sim.control.change({ latencyMs: 100 });
  const left = run.batch.request_counts!.total - run.batch.request_counts!.completed;
  const report = await run.judge(1, () => ({
    'leases that went back in its absence': lost!,
    'tasks that were promoted in its absence': promoted!,
    'lines that were left to the new instance': left,
  }));
  expect(report.problems).toEqual([]);
  const taken = new Set<string>();
  for (let n = 0; n < DELAYED; n += 10)
    for (const { task_id } of await atA.take('brief:0', { fifo_max: 10 })) taken.add(task_id);
  expect(taken.size).toBe(DELAYED);
});

it('an engine that is killed, and that nobody starts again, loses its leases after its silence', async () => {
  const run = await DeploymentBatch.submit(deployment, chatLines(IS_LONG ? 1_500 : 200));
  await run.reached(50);
  await (await deployment.busiestEngine()).kill();
  const report = await run.judge(1, ({ losses }) => ({ 'leases that went back': losses }));
  expect(report.problems).toEqual([]);
});

it('an api process that is killed takes no task with it: its caller comes again at another and joins the task', async () => {
  await makeKnown('joined');
  const body = { endpoint: '/v1/x', queue: 'joined', data: { n: 1 }, response_mode: 'blocking' };
  const headers = { 'idempotency-key': 'the call' };
  const first = atA.ask('POST', 'put', body, { headers }).catch(refuseOthers);
  await until(
    () => tasksOf('joined'),
    (count) => count === 1,
  );
  await atA.server.kill();
  expect(await first).toBe(false);
  const second = atB.ask('POST', 'put', body, { headers });
  const task = await until(
    async () => (await atB.take('joined:0', { size: 1, wait_seconds: 1 }))[0],
    (found) => found !== undefined,
  );
  await atB.complete(task!, { done: true });
  expect([(await second).status, (await second).body]).toEqual([200, { done: true }]);
  expect(await tasksOf('joined')).toBe(1);
});

it('an api process that was frozen serves again, those who waited there are answered, and its workers keep their leases', async () => {
  await makeKnown('held');
  await makeKnown('kept');
  await atA.putMany('kept', 2);
  const [kept, renewed] = (await atA.take('kept:0', { size: 2, process_timeout: 600 })) as [HeldTask, HeldTask];
  const calling = atA.ask('POST', 'put', { endpoint: '/v1/x', queue: 'held', data: {}, response_mode: 'blocking' });
  const task = await until(
    async () => (await atB.take('held:0', { size: 1, wait_seconds: 1 }))[0],
    (found) => found !== undefined,
  );
  atA.server.send('SIGSTOP');
  expect((await atB.complete(task!, { done: true })).status).toBe(200);
  const dead = `SELECT COUNT(*) FROM instance WHERE pid = ${atA.server.pid} AND ended_at IS NOT NULL`;
  const isDead = until(
    () => deployment.value<number>(dead),
    (count) => count === 1,
    SILENT_MS + SLACK_MS + SILENT_MS, // nobody says so of others who is not awake for as long himself
  );
  await Promise.all([isDead, delay(API_FROZEN_MS)]);
  atA.server.send('SIGCONT');
  const { status, body } = await calling;
  expect([status, body]).toEqual([200, { done: true }]);
  await atA.put('held');
  // A lease is the worker's: it does not go back with the process that gave it.
  const { task_id: id, lease_token } = renewed;
  expect((await atA.ask('POST', `${id}/heartbeat`, { lease_token })).status).toBe(200);
  expect(await atB.take('kept:0', { size: 2 })).toEqual([]);
  for (const held of [kept, renewed]) expect((await atB.complete(held, { done: true })).status).toBe(200);
  expect(await takenOf('kept')).toBe(2);
});

it('an api process that is asked to end sends its callers away with 503, Retry-After and the id of the task', async () => {
  await makeKnown('sent-away');
  const body = { endpoint: '/v1/x', queue: 'sent-away', data: {}, response_mode: 'blocking' };
  const calls = Array.from({ length: 10 }, () => atA.ask('POST', 'put', body));
  await until(
    () => tasksOf('sent-away'),
    (count) => count === 10,
  );
  expect(await atA.server.stop()).toEqual({ code: 0, signal: null });
  const answers = await Promise.all(calls);
  expect(answers.map(({ status, headers }) => [status, headers.get('retry-after') !== null])).toEqual(
    answers.map(() => [503, true]),
  );
  for (const { headers } of answers) {
    const task = (await atB.task(headers.get('x-millrace-task-id')!)) as { state: string };
    expect(task.state).toBe('ready');
  }
});

it('an engine that is asked to end under load gives back what it has not begun, and no line is tried or lost for it', async () => {
  const run = await DeploymentBatch.submit(deployment, chatLines(IS_LONG ? 1_200 : 300));
  await run.reached(50);
  const leaving = await deployment.busiestEngine();
  expect(await leaving.stop()).toEqual({ code: 0, signal: null });
  await run.until(() => true);
  const left = run.batch.request_counts!.total - run.batch.request_counts!.completed;
  const report = await run.judge(0, () => ({ 'lines that were left to the other engine': left }));
  expect([report.problems, report.extraCalls, report.inFlightAtKills]).toEqual([[], 0, 0]);
});
