/**
 * The server kills itself before and after the commit of each kind of write of the Task API, on one folder that lives through
 * all of these deaths. After each, nothing of the write is left, or all of it; and in the end, as soon as a server is allowed to
 * live, every task ends once, with the answer that its worker was told was taken.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Json } from '../support/console.js';
import { dieAt } from '../support/fault-run.js';
import { newPlace } from '../support/new-place.js';
import { PullWorker, type HeldTask } from '../support/pull-worker.js';
import { Remains } from '../support/remains.js';
import { TestServer } from '../support/server.js';
import { TaskLedger } from '../support/task-ledger.js';
import { until } from '../support/until.js';
import { killedAt } from '../support/write-subset.js';

const ADMIN_KEY = 'a-key-of-the-task-write-points';
/** What is taken so outlives its server, and then goes back to its place as often as it has to. */
const LEASE = { process_timeout: 3600, process_max_retries: -1 };
/** As short as it can be said: for ends that come by themselves. */
const SHORTLY = 1;
/** Tasks that are put, taken, answered and so on in every life, before the write that kills. */
const BUSY = 'busy';
const ANSWER = { text: 'the answer that counts' };
const LATE_ANSWER = { text: 'the answer that comes too late' };
const LIVE_STATES = ['scheduled', 'ready', 'leased'];

interface Write {
  procedure: string;
  /** Whether it has happened to the only task of its queue, as SQL over `task`. */
  hasHappened: string;
  /** Brings the server to it. Each has a queue of its own. */
  act: (queue: string) => Promise<unknown>;
}

const WRITES: readonly Write[] = [
  {
    procedure: 'task-put',
    hasHappened: 'COUNT(*) = 1',
    act: async (queue) => {
      again.push(async () => ledger.put(await putOnce(queue), { queue }));
      await putOnce(queue);
    },
  },
  {
    procedure: 'task-put-once',
    hasHappened: 'COUNT(*) = 1',
    act: async (queue) => {
      again.push(async () => ledger.put(await putManyOnce(queue), { queue }));
      await putManyOnce(queue);
    },
  },
  {
    procedure: 'task-take',
    hasHappened: 'task.state = 2 AND epoch = 1',
    act: async (queue) => {
      await put(queue);
      await take(queue);
    },
  },
  {
    procedure: 'task-complete',
    hasHappened: 'task.state = 3 AND EXISTS (SELECT 1 FROM task_result WHERE task_seq = task.seq)',
    act: async (queue) => {
      const task = await hold(queue);
      again.push(() => complete(task));
      await complete(task);
    },
  },
  {
    procedure: 'task-heartbeat',
    hasHappened: 'lease_until >= leased_at + 7200000',
    act: async (queue) => {
      const { task_id: id, lease_token } = await hold(queue);
      await worker.post(`${id}/heartbeat`, { lease_token, extend_seconds: 7200 });
    },
  },
  {
    procedure: 'task-progress',
    hasHappened: 'EXISTS (SELECT 1 FROM task_event WHERE task_seq = task.seq)',
    act: async (queue) => say(await hold(queue)),
  },
  {
    procedure: 'task-fail',
    hasHappened: 'task.state = 4 AND EXISTS (SELECT 1 FROM attempt WHERE task_seq = task.seq)',
    act: async (queue) => fail(await hold(queue)),
  },
  {
    procedure: 'task-release',
    hasHappened: 'task.state = 1 AND epoch = 1 AND tries = 0',
    act: async (queue) => {
      const { task_id: id, lease_token } = await hold(queue);
      await worker.post(`${id}/release`, { lease_token });
    },
  },
  {
    procedure: 'task-end-leases',
    hasHappened: 'task.state = 1 AND tries = 1 AND EXISTS (SELECT 1 FROM attempt WHERE task_seq = task.seq)',
    act: (queue) => hold(queue, { process_timeout: SHORTLY }),
  },
  {
    procedure: 'task-expire',
    hasHappened: 'task.state = 5',
    act: (queue) => put(queue, { timeout: SHORTLY }),
  },
  {
    procedure: 'task-cancel',
    hasHappened: 'task.state = 6',
    act: async (queue) => cancel(await put(queue)),
  },
  {
    procedure: 'task-redrive',
    hasHappened: 'task.state = 1 AND tries = 0 AND NOT EXISTS (SELECT 1 FROM task_result WHERE task_seq = task.seq)',
    act: async (queue) => {
      const id = await fail(await hold(queue));
      ledger.redriving(id);
      await worker.post(`${id}/redrive`);
    },
  },
  {
    procedure: 'task-drop',
    hasHappened: 'COUNT(*) = 0',
    act: async (queue) => {
      const id = await fail(await hold(queue));
      ledger.dropping(id);
      await worker.ask('DELETE', id);
    },
  },
  {
    procedure: 'lane-clear',
    hasHappened: 'task.state = 1 AND (SELECT cleared_seq FROM lane WHERE seq = lane_seq) >= task.seq',
    act: async (queue) => {
      await put(queue);
      await clear(queue);
    },
  },
  {
    procedure: 'lane-cancel-cleared',
    hasHappened: 'task.state = 6',
    act: async (queue) => {
      await put(queue);
      await clear(queue);
    },
  },
];

/** Those at which this run kills. */
const KILLED_AT = killedAt(WRITES, ({ procedure }) => procedure, ['task-put', 'task-complete']);

const ledger = new TaskLedger();
/** What those do who got no answer: they ask again. */
const again: (() => Promise<unknown>)[] = [];
const queues: string[] = [];
let server: TestServer;
let worker: PullWorker;

beforeAll(async () => {
  server = TestServer.prepare({ MILLRACE_ADMIN_KEY: ADMIN_KEY }, await newPlace());
  worker = new PullWorker(server, ADMIN_KEY);
});
afterAll(() => server.close());

async function put(queue: string, over: object = {}): Promise<string> {
  const data = { queue, n: ledger.ids.length };
  const id = await worker.put(queue, { data, ...over });
  ledger.put(id, data);
  return id;
}

/** However often it is asked for, there is one task. */
async function putOnce(queue: string): Promise<string> {
  const body = { endpoint: '/v1/x', queue, data: { queue } };
  return (await worker.post('put', body, { 'idempotency-key': queue })).data;
}

/** As a put of many, of which there is one. */
async function putManyOnce(queue: string): Promise<string> {
  const tasks = [{ endpoint: '/v1/x', queue, data: { queue } }];
  const { results } = await worker.post('put/bulk', { tasks }, { 'idempotency-key': queue });
  return results[0].task_id;
}

async function take(queue: string, over: object = {}): Promise<HeldTask[]> {
  const tasks = await worker.take(`${queue}:0`, { ...LEASE, ...over });
  for (const task of tasks) ledger.taken(task);
  return tasks;
}

async function hold(queue: string, over: object = {}): Promise<HeldTask> {
  await put(queue);
  return (await take(queue, over))[0]!;
}

async function complete(task: HeldTask): Promise<void> {
  const { status } = await worker.complete(task, ANSWER);
  expect(status).toBe(200);
  ledger.completed(task.task_id, ANSWER);
}

async function fail({ task_id: id, lease_token }: HeldTask): Promise<string> {
  await worker.post(`${id}/fail`, { lease_token, retryable: false });
  ledger.ended(id, 'failed');
  return id;
}

async function cancel(id: string): Promise<void> {
  await worker.ask('POST', `${id}/cancel`);
  ledger.ended(id, 'cancelled');
}

async function say({ task_id: id, lease_token }: HeldTask): Promise<void> {
  await worker.post(`${id}/progress`, { lease_token, event_data: { text: 'half of it' } });
}

async function clear(queue: string): Promise<void> {
  expect((await server.fetch(`/v1/console/${queue}:0/clear`, asAdmin('POST'))).status).toBe(200);
}

const asAdmin = (method: string) => ({ method, headers: { authorization: `Bearer ${ADMIN_KEY}` } });

async function makeQueue(name: string): Promise<void> {
  if (queues.includes(name)) return;
  await worker.makeQueue(name);
  queues.push(name);
}

/** What goes on besides: every kind of act but the one that kills, and one task that nobody ever answers for. */
async function beBusy(killer: string): Promise<void> {
  await makeQueue(BUSY);
  if (killer === 'task-put') return;
  const ids = [await put(BUSY), await put(BUSY), await put(BUSY), await put(BUSY)];
  if (killer !== 'task-cancel') await cancel(ids[0]!);
  if (killer === 'task-take') return;
  const [first, second] = await take(BUSY);
  if (killer !== 'task-progress') await say(first!);
  if (killer !== 'task-complete') await complete(first!);
  if (killer !== 'task-fail') await fail(second!);
}

async function expectDeath({ procedure, hasHappened, act }: Write, side: 'before' | 'after'): Promise<void> {
  const queue = `${procedure}-${side}`;
  await dieAt(server, `write:${procedure}:${side}`, async () => {
    await beBusy(procedure);
    await makeQueue(queue);
    await act(queue);
  });
  const left = await Remains.examine(server.place, async (remains) => ({
    hasHappened:
      (await remains.value(
        `SELECT ${hasHappened} FROM task JOIN queue ON queue.seq = queue_seq WHERE queue.name = '${queue}'`,
      )) === 1,
    problems: await remains.problems(),
  }));
  expect(left, `killed ${side} the commit of '${procedure}'`).toEqual({ hasHappened: side === 'after', problems: [] });
}

/** Leases that ended because their workers let them run out. */
function leasesGone(): Promise<number | null> {
  return Remains.examine(server.place, (remains) =>
    remains.value<number>("SELECT COUNT(*) FROM attempt WHERE outcome = 'lost'"),
  );
}

/** Takes and answers until no task is left that has not ended. */
async function workOff(): Promise<void> {
  const lanes = queues.map((queue) => `${queue}:0`);
  const liveTasks = () =>
    Promise.all(LIVE_STATES.map(async (state) => (await worker.get(`tasks?state=${state}`)).data));
  await until(
    async () => {
      const tasks = await worker.take(lanes, { ...LEASE, strategy: 'active_passive', size: 500 });
      for (const task of tasks) {
        ledger.taken(task);
        await complete(task);
      }
      return (await liveTasks()).flat().length;
    },
    (count) => count === 0,
  );
}

describe('a server that is killed before and after every write of the Task API', () => {
  // The later side first: a sweep that was killed before its commit runs at once in the next life, which dies of something else.
  it.each(KILLED_AT)('$procedure happens as a whole or not at all', async (write) => {
    await expectDeath(write, 'after');
    await expectDeath(write, 'before');
  });

  it('has lost nothing in the end, and every task has ended once', async () => {
    const goneBefore = await leasesGone();
    const gone = await server.place.alter(`UPDATE task SET lease_until = 1 WHERE state = 2
         AND queue_seq NOT IN (SELECT seq FROM queue WHERE name LIKE 'task-complete-%')`);
    await server.restart({ MILLRACE_TEST_CRASH_AT: '' });
    for (const ask of again) await ask();
    await workOff();

    const stale = ledger.staleTokens();
    expect(stale.length).toBeGreaterThan(KILLED_AT.length);
    const completions = stale.map((lease) => ({ ...lease, result: { body: LATE_ANSWER } }));
    const outcomes: Json[] = (await worker.post('complete', { completions })).results;
    expect(outcomes.filter(({ outcome }) => outcome !== 'stale')).toEqual([]);

    expect(ledger.problems((await worker.post('get', { task_ids: ledger.ids })).tasks)).toEqual([]);
    expect(await server.stop()).toEqual({ code: 0, signal: null });
    const left = await Remains.examine(server.place, async (remains) => ({
      problems: await remains.problems(),
      unknown: (await remains.rows<{ id: string }>('SELECT id FROM task')).filter(({ id }) => !ledger.ids.includes(id)),
    }));
    expect(left).toEqual({ problems: [], unknown: [] });
    expect(await leasesGone()).toBe(goneBefore! + gone);
  });
});
