/** Processes that die, freeze, wake up and are asked to end, one of several that do the same work. */
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { SILENT_MS } from '../../src/modules/instances/instance-policy.js';
import { refuseOthers } from '../support/fault-run.js';
import { chatLines } from '../support/chat-lines.js';
import { Deployment } from '../support/deployment.js';
import { DeploymentBatch } from '../support/deployment-batch.js';
import { PullWorker } from '../support/pull-worker.js';
import { Remains } from '../support/remains.js';
import type { TestServer } from '../support/server.js';
import { until } from '../support/until.js';

vi.setConfig({ testTimeout: 180_000 });

/** As in leader.ts, which keeps it to itself. */
const TERM_MS = 6_000;
/** For a look each second, and a busy machine. */
const SLACK_MS = 4_000;

let deployment: Deployment;
beforeEach(async () => {
  deployment = await Deployment.start({ apis: 2, engines: 2, sim: { latencyMs: 100 } });
});
afterEach(async () => {
  for (const one of deployment.processes) if (one.isRunning) one.send('SIGCONT');
  await deployment.close();
});

/** The queue `chat`, when the other process has heard of it too. */
async function makeKnown(atA: PullWorker, atB: PullWorker): Promise<void> {
  await atA.makeQueue('chat');
  await until(
    () => atB.ask('POST', 'take', { queues: ['chat:0'], size: 1 }),
    ({ status }) => status === 200,
  );
}

const leads = async (engine: TestServer): Promise<boolean> =>
  /^millrace_leader(\{.*\})? 1$/m.test(await (await engine.fetch('/metrics')).text());

it('a frozen engine loses its leases after its silence, its late answers change nothing, and it goes on as a new one', async () => {
  // Slow enough that both have work until the end.
  await deployment.sim.control.change({ latencyMs: 400 });
  const run = await DeploymentBatch.submit(deployment, chatLines(1_000));
  await run.reached(50);
  const frozen = await deployment.busiestEngine();
  const other = deployment.engines.find((engine) => engine !== frozen)!;
  frozen.send('SIGSTOP');
  await delay(SILENT_MS + SLACK_MS);
  const lost = await deployment.value<number>("SELECT COUNT(*) FROM attempt WHERE outcome = 'lost'");
  frozen.send('SIGCONT');
  await frozen.logged(({ msg }) => msg.startsWith('others took this server for dead'));
  // From here on the new instance is alone.
  expect(await other.stop()).toEqual({ code: 0, signal: null });
  await run.until(() => true);
  const left = run.batch.request_counts!.total - run.batch.request_counts!.completed;
  const report = await run.finish(1, () => ({
    'leases that went back in its absence': lost!,
    'lines that were left to the new instance': left,
  }));
  expect(report.problems).toEqual([]);
});

it('an engine that is killed, and that nobody starts again, loses its leases after its silence', async () => {
  const run = await DeploymentBatch.submit(deployment, chatLines(1_500));
  await run.reached(100);
  await (await deployment.busiestEngine()).kill();
  const report = await run.finish(1, ({ losses }) => ({ 'leases that went back': losses }));
  expect(report.problems).toEqual([]);
});

it('a leader that is halted for longer than its term is followed by another, and does nothing twice when it wakes', async () => {
  const client = new PullWorker(deployment.apis[0]!);
  await client.makeQueue('brief');
  const leader = await until(
    async () => ((await leads(deployment.engines[0]!)) ? 0 : (await leads(deployment.engines[1]!)) ? 1 : null),
    (found) => found !== null,
  );
  const [first, second] = [deployment.engines[leader!]!, deployment.engines[1 - leader!]!];
  // Due while the leader is halted, at its waking, and after it.
  for (let n = 0; n < 150; n += 1) await client.put('brief', { delay: 4 + (n % 12) });
  first.send('SIGSTOP');
  await delay(TERM_MS + SLACK_MS);
  expect(await leads(second)).toBe(true);
  const promoted = (await deployment.value<number>('SELECT COUNT(*) FROM task WHERE state = 1'))!;
  expect(promoted).toBeGreaterThan(0);
  first.send('SIGCONT');
  await until(
    () => deployment.value<number>('SELECT COUNT(*) FROM task WHERE state = 1'),
    (ready) => ready === 150,
  );
  const leaders = await until(
    () => Promise.all([first, second].map(leads)),
    (found) => found.filter(Boolean).length === 1,
  );
  expect(leaders).toEqual([false, true]);
  const taken = new Set<string>();
  for (let n = 0; n < 15; n += 1)
    for (const { task_id } of await client.take('brief:0', { fifo_max: 10 })) taken.add(task_id);
  expect(taken.size).toBe(150);
  expect(await deployment.stop()).toEqual([]);
  expect(await Remains.examine(deployment.place, (remains) => remains.problems())).toEqual([]);
});

it('an api process that is killed takes no task with it: its caller comes again at another and joins the task', async () => {
  const [a, b] = deployment.apis as [TestServer, TestServer];
  const [atA, atB] = [new PullWorker(a), new PullWorker(b)];
  await makeKnown(atA, atB);
  const body = { endpoint: '/v1/x', queue: 'chat', data: { n: 1 }, response_mode: 'blocking' };
  const headers = { 'idempotency-key': 'the call' };
  const first = atA.ask('POST', 'put', body, { headers }).catch(refuseOthers);
  await until(
    () => deployment.value<number>('SELECT COUNT(*) FROM task'),
    (count) => count === 1,
  );
  await a.kill();
  expect(await first).toBe(false);
  const second = atB.ask('POST', 'put', body, { headers });
  const task = await until(
    async () => (await atB.take('chat:0', { size: 1, wait_seconds: 1 }))[0],
    (found) => found !== undefined,
  );
  await atB.complete(task!, { done: true });
  expect([(await second).status, (await second).body]).toEqual([200, { done: true }]);
  expect(await deployment.value('SELECT COUNT(*) FROM task')).toBe(1);
});

it('an api process that was frozen serves again, and those who waited there are answered', async () => {
  const [a, b] = deployment.apis as [TestServer, TestServer];
  const [atA, atB] = [new PullWorker(a), new PullWorker(b)];
  await makeKnown(atA, atB);
  const calling = atA.ask('POST', 'put', { endpoint: '/v1/x', queue: 'chat', data: {}, response_mode: 'blocking' });
  const task = await until(
    async () => (await atB.take('chat:0', { size: 1, wait_seconds: 1 }))[0],
    (found) => found !== undefined,
  );
  a.send('SIGSTOP');
  expect((await atB.complete(task!, { done: true })).status).toBe(200);
  await delay(SILENT_MS + SLACK_MS);
  a.send('SIGCONT');
  const { status, body } = await calling;
  expect([status, body]).toEqual([200, { done: true }]);
  await atA.put('chat');
});

it('an api process that is asked to end sends its callers away with 503, Retry-After and the id of the task', async () => {
  const [a, b] = deployment.apis as [TestServer, TestServer];
  const [atA, atB] = [new PullWorker(a), new PullWorker(b)];
  await makeKnown(atA, atB);
  const body = { endpoint: '/v1/x', queue: 'chat', data: {}, response_mode: 'blocking' };
  const calls = Array.from({ length: 10 }, () => atA.ask('POST', 'put', body));
  await until(
    () => deployment.value<number>('SELECT COUNT(*) FROM task'),
    (count) => count === 10,
  );
  expect(await a.stop()).toEqual({ code: 0, signal: null });
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
  const [leaving] = deployment.engines as [TestServer];
  const run = await DeploymentBatch.submit(deployment, chatLines(1_200));
  await run.reached(100);
  expect(await leaving.stop()).toEqual({ code: 0, signal: null });
  await run.until(() => true);
  const left = run.batch.request_counts!.total - run.batch.request_counts!.completed;
  const report = await run.finish(0, () => ({ 'lines that were left to the other engine': left }));
  expect([report.problems, report.extraCalls, report.inFlightAtKills]).toEqual([[], 0, 0]);
});
