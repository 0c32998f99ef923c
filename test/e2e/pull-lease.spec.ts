/** What workers do with the tasks they hold: answer, keep, fail, give back; and what becomes of tasks whose worker falls silent. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { idsOf, PullWorker, type HeldTask } from '../support/pull-worker.js';
import { TestServer } from '../support/server.js';
import { until } from '../support/until.js';

let server: TestServer;
let worker: PullWorker;
let queues = 0;

beforeAll(async () => {
  server = await TestServer.start();
  worker = new PullWorker(server);
});
afterAll(() => server.close());

const newQueue = (settings = {}) => worker.makeQueue(`lease-${(queues += 1)}`, settings);
const ended = (id: string) =>
  until(
    () => worker.task(id),
    ({ state }) => ['completed', 'failed', 'expired', 'cancelled'].includes(state),
  );
const token = (task: HeldTask) => ({ 'x-millrace-lease-token': task.lease_token });
const LOST = /^You do not hold the task '.+' any more/;

/** A task, held by a worker; `over` adds to the take. */
async function hold(over = {}, settings = {}): Promise<HeldTask> {
  const queue = await newQueue(settings);
  await worker.put(queue);
  return worker.takeOne(`${queue}:0`, over);
}

describe('a worker of old, without tokens', () => {
  it('takes, completes, and learns nothing but the id', async () => {
    const { task_id: id } = await hold();
    const answer = await worker.ask('POST', `${id}/complete`, { status_code: 200, request_id: 'r-1', body: { a: 1 } });
    expect([answer.status, answer.body]).toEqual([200, id]);
    expect(await worker.task(id)).toMatchObject({
      status: 'succeeded',
      result: { status_code: 200, request_id: 'r-1', body: { a: 1 } },
    });
  });

  it('is told the same of completions that come late, twice, or for nothing', async () => {
    const { task_id: id } = await hold();
    for (const n of [1, 2]) expect(await worker.post(`${id}/complete`, { body: { n } })).toBe(id);
    expect((await worker.task(id)).result.body).toEqual({ n: 1 });
    const cancelled = await hold();
    await worker.ask('POST', `${cancelled.task_id}/cancel`);
    expect(await worker.post(`${cancelled.task_id}/complete`, { body: {} })).toBe(cancelled.task_id);
    expect((await worker.task(cancelled.task_id)).status).toBe('cancelled');
    expect(await worker.post('task_of_nobody/complete', { body: {} })).toBe('task_of_nobody');
    const waiting = await worker.put(await newQueue());
    expect(await worker.post(`${waiting}/complete`, { body: {} })).toBe(waiting);
    expect((await worker.task(waiting)).state).toBe('ready');
  });

  it('has its status recorded, also as digits, and an error is an answer', async () => {
    const [bad, text] = [await hold(), await hold()];
    await worker.post(`${bad.task_id}/complete`, { status_code: 503, body: { error: 'x' } });
    await worker.post(`${text.task_id}/complete`, { status_code: '429', body: {} });
    expect(await worker.task(bad.task_id)).toMatchObject({ status: 'succeeded', result: { status_code: 503 } });
    expect((await worker.task(text.task_id)).result.status_code).toBe(429);
  });

  it.each([
    [{ status_code: 99 }, { status_code: 500 }],
    [
      { status_code: '20x', request_id: 7 },
      { status_code: 500, request_id: '7' },
    ],
    [{ status_code: true, request_id: {} }, { status_code: 500 }],
    [
      { status_code: 200.5, request_id: 'x'.repeat(600) },
      { status_code: 500, request_id: 'x'.repeat(512) },
    ],
    [{ request_id: 'a\0b' }, { status_code: 200, request_id: 'ab' }],
  ])('is not refused for %j', async (said, kept) => {
    const { task_id: id } = await hold();
    expect(await worker.post(`${id}/complete`, { ...said, body: { a: 1 } })).toBe(id);
    const { status, result } = await worker.task(id);
    expect([status, result]).toEqual(['succeeded', { request_id: id, ...kept, body: { a: 1 } }]);
    expect(await worker.post('task_of_nobody/complete', said)).toBe('task_of_nobody');
  });

  it('loses nothing that it says: without a body and an error, the rest is it', async () => {
    const [bare, error, nothing] = [await hold(), await hold(), await hold()];
    await worker.post(`${bare.task_id}/complete`, { answer: 42, list: [1] });
    await worker.post(`${error.task_id}/complete`, { status_code: 500, body: null, error: { message: 'x' } });
    await worker.post(`${nothing.task_id}/complete`, {});
    expect((await worker.task(bare.task_id)).result).toMatchObject({
      status_code: 200,
      body: { answer: 42, list: [1] },
    });
    expect((await worker.task(error.task_id)).result).toMatchObject({
      status_code: 500,
      error: { message: 'x' },
    });
    expect((await worker.task(nothing.task_id)).result).toMatchObject({ status_code: 200, body: {} });
  });

  it('asks in vain for the event bus, and is told what would bring it, and what to do instead', async () => {
    const [status, message] = await worker.refused('GET', 'eventbus');
    expect(status).toBe(404);
    const isEmbedded = worker.server.place.env['MILLRACE_MODE'] !== 'distributed';
    expect(message).toContain(
      isEmbedded
        ? ': that needs distributed mode. Report with'
        : ': its operator has not set MILLRACE_EVENTBUS_URL. Report',
    );
  });
});

describe('a worker with tokens', () => {
  it('is refused when its lease has gone to another, whatever it wants', async () => {
    const queue = await newQueue();
    const id = await worker.put(queue);
    const stale = await worker.takeOne(`${queue}:0`);
    await worker.post(`${id}/release`, { lease_token: stale.lease_token });
    const fresh = await worker.takeOne(`${queue}:0`);
    expect(fresh.lease_token).not.toBe(stale.lease_token);
    const { lease_token } = stale;
    const before = await worker.task(id);
    for (const [path, body] of [
      ['heartbeat', { lease_token }],
      ['progress', { lease_token, event_data: 1 }],
      ['fail', { lease_token }],
      ['release', { lease_token }],
      ['complete', { lease_token, body: { late: true } }],
    ] as const) {
      expect(await worker.refused('POST', `${id}/${path}`, body), path).toEqual([409, expect.stringMatching(LOST)]);
    }
    expect(await worker.task(id)).toEqual(before);
    expect((await worker.complete(fresh, { on: 'time' })).status).toBe(200);
    expect((await worker.task(id)).result.body).toEqual({ on: 'time' });
    expect((await worker.complete(stale)).status).toBe(409);
  });

  it('may say the same again, but nothing else', async () => {
    const task = await hold();
    expect((await worker.complete(task, { a: 1 })).status).toBe(200);
    expect((await worker.complete(task, { a: 1 })).status).toBe(200);
    expect((await worker.complete(task, { a: 2 })).status).toBe(409);
    expect((await worker.task(task.task_id)).result.body).toEqual({ a: 1 });
  });

  it('ten at once record one answer', async () => {
    const task = await hold();
    const answers = await Promise.all(Array.from({ length: 10 }, (_, n) => worker.complete(task, { n })));
    const good = answers.filter(({ status }) => status === 200);
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([
      200,
      ...Array.from({ length: 9 }, () => 409),
    ]);
    const n = answers.indexOf(good[0]!);
    expect((await worker.task(task.task_id)).result.body).toEqual({ n });
  });

  it('may show its token in the body, which is no part of the answer', async () => {
    const task = await hold();
    await worker.post(`${task.task_id}/complete`, { lease_token: task.lease_token, answer: 1 });
    expect((await worker.task(task.task_id)).result.body).toEqual({ answer: 1 });
  });

  it('is refused with the token of another task, or with none at all of that kind', async () => {
    const [task, other] = [await hold(), await hold()];
    for (const lease_token of [other.lease_token, 'x', '', '1']) {
      expect(await worker.refused('POST', `${task.task_id}/heartbeat`, { lease_token })).toEqual([
        409,
        expect.stringMatching(LOST),
      ]);
    }
    expect(await worker.refused('POST', 'task_of_nobody/heartbeat', { lease_token: 'x' })).toEqual([
      404,
      "No task found with id 'task_of_nobody'.",
    ]);
  });

  it('completes many at once, and is told of each', async () => {
    const queue = await newQueue();
    const ids = await worker.putMany(queue, 6);
    const tasks = await worker.take(`${queue}:0`);
    await worker.post(`${ids[1]}/release`, { lease_token: tasks[1]!.lease_token });
    await worker.complete(tasks[2]!);
    const completions = [
      ...tasks.slice(0, 2).map(({ task_id, lease_token }) => ({ task_id, lease_token, result: { body: { task_id } } })),
      { task_id: ids[2], result: { body: 'late' } },
      { task_id: ids[3], result: { status_code: 404, body: 'no token' } },
      { task_id: 'task_of_nobody', result: { body: 1 } },
      { task_id: ids[0], lease_token: tasks[0]!.lease_token, result: { body: { task_id: ids[0] } } },
    ];
    const { results } = await worker.post('complete', { completions });
    expect(results).toEqual([
      { task_id: ids[0], outcome: 'recorded' },
      { task_id: ids[1], outcome: 'stale' },
      { task_id: ids[2], outcome: 'ignored' },
      { task_id: ids[3], outcome: 'recorded' },
      { task_id: 'task_of_nobody', outcome: 'unknown' },
      { task_id: ids[0], outcome: 'recorded' },
    ]);
    expect((await worker.task(ids[0]!)).result.body).toEqual({ task_id: ids[0] });
    expect((await worker.task(ids[3]!)).result).toMatchObject({ status_code: 404, body: 'no token' });
  });

  it('completes a thousand at once', async () => {
    const queue = await newQueue();
    const bulk = Array.from({ length: 1_000 }, (_, n) => ({ endpoint: '/v1/x', queue, data: { n } }));
    await worker.post('put/bulk', { tasks: bulk });
    const completions: object[] = [];
    while (completions.length < 1_000) {
      for (const { task_id, lease_token, data } of await worker.take(`${queue}:0`, { size: 500, fifo_max: 500 })) {
        completions.push({ task_id, lease_token, result: { body: data } });
      }
    }
    const { results } = await worker.post('complete', { completions });
    expect(new Set(results.map(({ outcome }: { outcome: string }) => outcome))).toEqual(new Set(['recorded']));
    expect(results).toHaveLength(1_000);
  });
});

describe('a heartbeat', () => {
  it('moves the end of the lease on, or as far as the worker asks', async () => {
    const task = await hold({ process_timeout: 30 });
    const path = `${task.task_id}/heartbeat`;
    const kept = await worker.post(path, { lease_token: task.lease_token });
    expect(kept).toEqual({ task_id: task.task_id, lease_until: expect.any(Number), gone: [] });
    expect(kept.lease_until).toBeGreaterThanOrEqual(task.lease_until);
    const longer = await worker.post(path, { lease_token: task.lease_token, extend_seconds: 600 });
    expect(longer.lease_until - kept.lease_until).toBeGreaterThanOrEqual(570_000);
  });

  it('of a lease without an end leaves it without one, unless the worker asks', async () => {
    const { task_id: id, lease_token, lease_until: first } = await hold();
    expect(first).toBe(0);
    expect((await worker.post(`${id}/heartbeat`, { lease_token })).lease_until).toBe(0);
    expect((await worker.post(`${id}/heartbeat`, { lease_token, extend_seconds: 60 })).lease_until).toBeGreaterThan(
      Date.now() + 30_000,
    );
  });

  it('for many tells which of them are gone, and that the worker is there', async () => {
    const queue = await newQueue();
    const ids = await worker.putMany(queue, 3);
    const tasks = await worker.take(`${queue}:0`, { process_timeout: 60 });
    await worker.ask('POST', `${ids[1]}/cancel`);
    const leases = [...tasks, { task_id: 'task_of_nobody', lease_token: 'x' }];
    const { alive, gone } = await worker.post('heartbeat', { worker: { id: 'hb', capacity: 3 }, leases });
    expect(alive).toEqual([
      { task_id: ids[0], lease_until: expect.any(Number) },
      { task_id: ids[2], lease_until: expect.any(Number) },
    ]);
    expect(gone).toEqual([ids[1], 'task_of_nobody']);
    const { data } = await worker.get('workers');
    expect(data[0]).toMatchObject({ id: 'hb', capacity: 3 });
  });

  it('keeps a task that is silent otherwise', async () => {
    const task = await hold({ process_timeout: 1, lease_end: 'fail' });
    const since = Date.now();
    const beat = async () => {
      await worker.post(`${task.task_id}/heartbeat`, { lease_token: task.lease_token });
      return Date.now() - since;
    };
    await until(beat, (ms) => ms > 2_500);
    expect((await worker.complete(task)).status).toBe(200);
  });
});

describe('the end of a lease', () => {
  it('brings the task back to its place, as often as its taker allows, and then completes it with 408', async () => {
    const queue = await newQueue();
    const [id, next] = await worker.putMany(queue, 2);
    const lane = `${queue}:0`;
    const short = { size: 1, process_timeout: 1, process_max_retries: 2, wait_seconds: 20 };
    for (let tries = 0; tries < 3; tries += 1) {
      const task = await worker.takeOne(lane, { ...short, min_age_seconds: tries });
      expect([task.task_id, task.tries]).toEqual([id, tries]);
      await until(
        () => worker.task(id!),
        ({ state }) => state !== 'leased',
      );
    }
    expect(await worker.task(id!)).toMatchObject({ status: 'succeeded', result: { status_code: 408, request_id: id } });
    expect((await worker.takeOne(lane, short)).task_id).toBe(next);
  });

  it.each([
    ['complete', 'completed', { status_code: 408 }],
    ['fail', 'failed', { error: { code: 'lease_expired' } }],
    ['expire', 'expired', { status_code: 408, error: { code: 'lease_expired' } }],
  ])('with lease_end %s, the task is %s', async (leaseEnd, state, result) => {
    const task = await hold({ process_timeout: 1, lease_end: leaseEnd });
    expect(await ended(task.task_id)).toMatchObject({ state, result });
    expect((await worker.complete(task)).status).toBe(409);
  });

  it('with lease_end retry tries it again after a while, until the queue has enough', async () => {
    const retry_policy = { max_tries: 2, first_backoff_ms: 10, max_backoff_ms: 10 };
    const task = await hold({ process_timeout: 1, lease_end: 'retry' }, { retry_policy });
    const [again] = await worker.take(`${task.queue}:0`, { process_timeout: 1, lease_end: 'retry', wait_seconds: 20 });
    expect(again).toMatchObject({ task_id: task.task_id, tries: 1 });
    expect(await ended(task.task_id)).toMatchObject({ state: 'failed', tries: 2 });
    const attempts = (await worker.get(`dead?queue=${task.queue}`)).data[0].attempts;
    expect(attempts.map(({ outcome }: { outcome: string }) => outcome)).toEqual(['lost', 'lost']);
  });
});

describe('a failure', () => {
  it('is tried again with back-off, and then kept as a dead letter', async () => {
    const queue = await newQueue({ retry_policy: { max_tries: 3, first_backoff_ms: 20, max_backoff_ms: 40 } });
    const id = await worker.put(queue);
    const error = { code: 'out_of_memory', message: 'The GPU ran out of memory.' };
    const states: string[] = [];
    for (let tries = 0; tries < 3; tries += 1) {
      const task = await worker.takeOne(`${queue}:0`, { wait_seconds: 20 });
      states.push((await worker.post(`${id}/fail`, { lease_token: task.lease_token, error })).state);
    }
    expect(states).toEqual(['scheduled', 'scheduled', 'failed']);
    expect(await worker.task(id)).toMatchObject({ state: 'failed', tries: 3, result: { error } });
  });

  it('waits as long as its worker says, or is the end at once', async () => {
    const [later, now, never] = [await hold(), await hold(), await hold()];
    const fail = (task: HeldTask, over: object) =>
      worker.post(`${task.task_id}/fail`, { lease_token: task.lease_token, ...over });
    expect(await fail(later, { retry_after: 3_600 })).toEqual({ task_id: later.task_id, state: 'scheduled' });
    expect((await worker.task(later.task_id)).available_time - Date.now()).toBeGreaterThan(3_500_000);
    await fail(now, { retry_after: 0 });
    expect(idsOf(await worker.take(`${now.queue}:0`, { wait_seconds: 20 }))).toEqual([now.task_id]);
    expect(await fail(never, { retryable: false })).toEqual({ task_id: never.task_id, state: 'failed' });
  });

  it('without a token counts while the task is held, and is refused afterwards', async () => {
    const task = await hold();
    expect((await worker.post(`${task.task_id}/fail`, { retryable: false })).state).toBe('failed');
    expect(await worker.refused('POST', `${task.task_id}/fail`, {})).toEqual([409, expect.stringMatching(LOST)]);
    expect(await worker.refused('POST', 'task_of_nobody/fail', {})).toEqual([
      404,
      "No task found with id 'task_of_nobody'.",
    ]);
  });
});

describe('a release', () => {
  it('brings the task back to its place, as if it was never taken', async () => {
    const queue = await newQueue();
    const ids = await worker.putMany(queue, 3);
    const [first] = await worker.take(`${queue}:0`, { size: 1 });
    expect(await worker.post(`${ids[0]}/release`, { lease_token: first!.lease_token })).toEqual({
      task_id: ids[0],
      state: 'ready',
    });
    expect((await worker.task(ids[0]!)).tries).toBe(0);
    expect(idsOf(await worker.take(`${queue}:0`))).toEqual(ids);
  });
});

describe('progress', () => {
  it('is counted, one event or several, with a token or without', async () => {
    const task = await hold();
    const { task_id, lease_token } = task;
    const path = `${task_id}/progress`;
    expect(await worker.post(path, { lease_token, event_id: '1', event_name: 'm', event_data: { a: 1 } })).toEqual({
      task_id,
      events: 1,
    });
    const events = [{ event_data: 'text' }, { event_id: 7, event_data: null }];
    expect(await worker.post(path, { lease_token, events })).toEqual({ task_id, events: 2 });
    expect(await worker.post(path, { event_data: false })).toEqual({ task_id, events: 1 });
    await worker.complete(task);
    expect(await worker.refused('POST', path, { event_data: 1 })).toEqual([409, expect.stringMatching(LOST)]);
  });
});

describe('headers', () => {
  it('win over the body', async () => {
    const task = await hold();
    const body = { lease_token: 'x', body: 1 };
    expect((await worker.ask('POST', `${task.task_id}/complete`, body, { headers: token(task) })).status).toBe(200);
  });
});
