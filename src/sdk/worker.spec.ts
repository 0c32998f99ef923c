import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeTaskServer, type Heard } from '../../test/support/fake-task-server.js';
import { Gate, Inbox } from '../../test/support/inbox.js';
import { Answer, type Handler } from './task-run.js';
import { GiveUp, LeaseLost, RetryLater, WorkerStopping } from './worker-errors.js';
import { Worker, type WorkerOptions } from './worker.js';

let server: FakeTaskServer;
let worker: Worker | undefined;
let running: Promise<void>;
let errors: Inbox<Error>;

beforeEach(async () => {
  server = await FakeTaskServer.start();
  errors = new Inbox();
});

afterEach(async () => {
  await worker?.stop(0);
  worker = undefined;
  await server.close();
});

function work(handler: Handler, options: Partial<WorkerOptions> = {}): void {
  const inbox = errors;
  const onError = (error: unknown) => inbox.add(error as Error);
  worker = new Worker({ url: server.url, key: 'k', queues: ['gpu:0'], handler, onError, ...options });
  running = worker.run();
}

const tasks = (...ids: string[]) => server.put(...ids.map((id) => ({ id })));
const completed = ({ body }: Heard): [string, unknown][] =>
  body.completions.map(({ task_id, result }: { task_id: string; result: object }) => [task_id, result]);

describe('a worker', () => {
  it('asks for as many tasks as it has room for, and says who it is', async () => {
    const gate = new Gate();
    work(() => gate.opened, { concurrency: 3, name: 'gpu-1', leaseMs: 20_000, waitMs: 5_000 });
    await server.takes.first(1);
    tasks('task_1');
    const [first, second] = await server.takes.first(2);
    expect(first!.body).toEqual({
      queues: ['gpu:0'],
      size: 3,
      strategy: 'active_passive',
      fifo_max: 3,
      wait_seconds: 5,
      min_age_seconds: 0,
      process_timeout: 20,
      lease_end: 'retry',
      worker: { id: 'gpu-1', capacity: 3 },
    });
    expect(second!.body.size).toBe(2);
    tasks('task_2', 'task_3', 'task_4');
    gate.open();
    await server.reports.first(1);
  });

  it('never runs more than it said, and asks for nothing while it is full', async () => {
    let most = 0;
    const started = new Inbox<string>();
    const gates = new Map<string, Gate>();
    work(
      async ({ id }) => {
        most = Math.max(most, worker!.running);
        gates.set(id, new Gate());
        started.add(id);
        await gates.get(id)!.opened;
      },
      { concurrency: 2 },
    );
    tasks('task_1', 'task_2', 'task_3', 'task_4');
    await started.first(2);
    expect(server.takes.items).toHaveLength(1);
    gates.get('task_2')!.open();
    await started.first(3);
    expect(server.takes.items.map(({ body }) => body.size)).toEqual([2, 1]);
    for (const id of ['task_1', 'task_3']) gates.get(id)!.open();
    await started.first(4);
    gates.get('task_4')!.open();
    expect(most).toBe(2);
  });

  it('hands in what ends together in one request, with status and token', async () => {
    const gate = new Gate();
    work(
      async ({ id }) => {
        await gate.opened;
        return id === 'task_2' ? new Answer(422, { error: 'no' }) : { text: id };
      },
      { concurrency: 2 },
    );
    const started = server.takes.first(1);
    tasks('task_1', 'task_2');
    await started;
    gate.open();
    const [report] = await server.reports.first(1);
    expect(report!.path).toBe('complete');
    expect(completed(report!)).toEqual([
      ['task_1', { status_code: 200, body: { text: 'task_1' } }],
      ['task_2', { status_code: 422, body: { error: 'no' } }],
    ]);
    expect(report!.body.completions.map(({ lease_token }: { lease_token: string }) => lease_token)).toEqual([
      'token-1',
      'token-2',
    ]);
  });

  it('says of what went wrong whether to try again, and when', async () => {
    const mishaps: Record<string, Error> = {
      task_1: new RetryLater('The model loads.', 1_500),
      task_2: new GiveUp('No such voice.', { code: 'unknown_voice' }),
      task_3: new TypeError('x is undefined'),
      task_4: new Error(`a\0b${'c'.repeat(9_000)}`),
    };
    work(({ id }) => Promise.reject(mishaps[id]!), { concurrency: 4 });
    tasks('task_1', 'task_2', 'task_3', 'task_4');
    const reports = await server.reports.first(4);
    const byPath = Object.fromEntries(reports.map(({ path, body }) => [path, body]));
    expect(byPath).toEqual({
      'task_1/fail': {
        lease_token: 'token-1',
        error: { code: 'retry_later', message: 'The model loads.' },
        retryable: true,
        retry_after: 2,
      },
      'task_2/fail': {
        lease_token: 'token-2',
        error: { code: 'unknown_voice', message: 'No such voice.' },
        retryable: false,
      },
      'task_3/fail': {
        lease_token: 'token-3',
        error: { code: 'handler_error', message: 'x is undefined' },
        retryable: true,
      },
      'task_4/fail': {
        lease_token: 'token-4',
        error: { code: 'handler_error', message: `ab${'c'.repeat(7_997)}` },
        retryable: true,
      },
    });
  });

  it('sends progress in order, and all of it before the answer', async () => {
    work(async (_task, { progress }) => {
      void progress('a', { id: '1', name: 'word' });
      void progress({ b: 2 });
      await progress('c');
      void progress([].at(0));
    });
    tasks('task_1');
    const reports = await server.reports.first(3);
    expect(reports.map(({ path }) => path)).toEqual(['task_1/progress', 'task_1/progress', 'complete']);
    expect(reports[0]!.body).toEqual({
      lease_token: 'token-1',
      events: [{ event_id: '1', event_name: 'word', event_data: 'a' }, { event_data: { b: 2 } }, { event_data: 'c' }],
    });
    expect(reports[1]!.body.events).toEqual([{ event_data: null }]);
  });

  it.each([
    ['a number of any size', 7n],
    ['a circle', circle()],
  ])('tries no more when the answer is %s', async (_what, answer) => {
    work(async () => answer);
    tasks('task_1');
    const [report] = await server.reports.first(1);
    expect(report).toMatchObject({
      path: 'task_1/fail',
      body: { retryable: false, error: { code: 'invalid_answer', message: expect.stringContaining('as JSON') } },
    });
  });

  it('fails a task whose progress is refused', async () => {
    server.intercept = ({ path }) => (path.endsWith('/progress') ? refused(400, 'Too long a name.') : null);
    work(async (_task, { progress }) => void progress('a'));
    tasks('task_1');
    const [, report] = await server.reports.first(2);
    expect([report!.path, report!.body.error.message]).toEqual(['task_1/fail', 'Too long a name.']);
  });
});

function circle(): object {
  const round: Record<string, unknown> = {};
  round['self'] = round;
  return round;
}

const refused = (status: number, message: string, headers = {}) => ({
  status,
  headers,
  body: JSON.stringify({ code: status, message, timestamp: 1 }),
});

describe('leases', () => {
  it('are kept together while handlers run, and no longer', async () => {
    const gate = new Gate();
    let handle = () => gate.opened;
    work(() => handle(), { concurrency: 2, leaseMs: 60 });
    tasks('task_1', 'task_2');
    const heartbeats = await server.heartbeats.first(2);
    for (const { body } of heartbeats) {
      expect(body).toEqual({
        worker: { id: expect.stringMatching(/^worker-/), capacity: 2 },
        leases: [
          { task_id: 'task_1', lease_token: 'token-1' },
          { task_id: 'task_2', lease_token: 'token-2' },
        ],
      });
    }
    gate.open();
    await server.reports.first(1);
    const again = new Gate();
    handle = () => again.opened;
    tasks('task_3');
    const seen = server.heartbeats.items.length;
    const later = (await server.heartbeats.first(seen + 2)).at(-1)!;
    expect(later.body.leases).toEqual([{ task_id: 'task_3', lease_token: 'token-3' }]);
    again.open();
  });

  it('that are gone fire the signal, and their answer is not sent', async () => {
    const reasons = new Inbox<unknown>();
    work(
      ({ id }, { signal }) =>
        id === 'task_2'
          ? 'fine'
          : new Promise((resolve) => {
              signal.addEventListener('abort', () => {
                reasons.add(signal.reason);
                resolve('too late');
              });
            }),
      { leaseMs: 60 },
    );
    server.gone.add('task_1');
    tasks('task_1', 'task_2');
    const [reason] = await reasons.first(1);
    expect(reason).toBeInstanceOf(LeaseLost);
    const [report] = await server.reports.first(1);
    expect(completed(report!)).toEqual([['task_2', { status_code: 200, body: 'fine' }]]);
  });

  it('that progress finds gone fire the signal, too', async () => {
    server.intercept = ({ path }) => (path.endsWith('/progress') ? refused(409, 'Its lease has ended.') : null);
    const reasons = new Inbox<unknown>();
    work(async ({ id }, { signal, progress }) => {
      if (id === 'task_2') return;
      await progress('a');
      reasons.add(signal.reason);
    });
    tasks('task_1', 'task_2');
    expect((await reasons.first(1))[0]).toBeInstanceOf(LeaseLost);
    const reports = await server.reports.first(2);
    expect(completed(reports[1]!).map(([id]) => id)).toEqual(['task_2']);
  });

  it('are kept while the answer cannot be handed in', async () => {
    const gate = new Gate();
    server.intercept = ({ path }) => (path === 'complete' ? gate.opened.then(() => null) : null);
    work(() => 'done', { leaseMs: 60 });
    tasks('task_1');
    const [heartbeat] = await server.heartbeats.first(1);
    expect(heartbeat!.body.leases).toEqual([{ task_id: 'task_1', lease_token: 'token-1' }]);
    expect(server.reports.items).toHaveLength(1);
    gate.open();
  });
});

describe('a server that is away', () => {
  it('gets answers again until it has taken them', async () => {
    let failures = 0;
    server.intercept = ({ path }) => (path === 'complete' && (failures += 1) < 3 ? refused(503, 'Stopping.') : null);
    work(() => 'done');
    tasks('task_1');
    const reports = await server.reports.first(3);
    expect(reports.map(completed)).toEqual(
      Array.from({ length: 3 }, () => [['task_1', { status_code: 200, body: 'done' }]]),
    );
    expect(errors.items.map(({ message }) => message)).toEqual(['Stopping.', 'Stopping.']);
  });

  it('is asked again, less and less often, until it is there', async () => {
    let failures = 0;
    server.intercept = ({ path }) => (path === 'take' && (failures += 1) < 3 ? refused(500, 'Broken.') : null);
    work(() => 'done');
    tasks('task_1');
    await server.reports.first(1);
    expect(errors.items.map(({ message }) => message)).toEqual(['Broken.', 'Broken.']);
  });

  it('has the answers it does not want given up one by one', async () => {
    server.intercept = ({ path, body }) =>
      path === 'complete' && body.completions.some(({ task_id }: { task_id: string }) => task_id === 'task_2')
        ? refused(413, 'Too big.')
        : null;
    const gate = new Gate();
    work(() => gate.opened.then(() => 'done'), { concurrency: 3 });
    tasks('task_1', 'task_2', 'task_3');
    gate.open();
    const reports = await server.reports.first(5);
    expect(reports.slice(1, 4).map((report) => completed(report).map(([id]) => id))).toEqual([
      ['task_1'],
      ['task_2'],
      ['task_3'],
    ]);
    expect([reports[4]!.path, reports[4]!.body]).toEqual([
      'task_2/fail',
      { lease_token: 'token-2', error: { code: 'answer_refused', message: 'Too big.' }, retryable: false },
    ]);
  });

  it.each([400, 401, 403, 404])('is left when it answers %i: it will not change its mind', async (status) => {
    server.intercept = ({ path }) => (path === 'take' ? refused(status, 'Never.') : null);
    work(() => 'done');
    await expect(running).rejects.toMatchObject({ name: 'ApiError', status, message: 'Never.' });
  });
});

describe('stop', () => {
  it('takes no more, lets run what runs, and hands it in', async () => {
    const gate = new Gate();
    const started = new Inbox<string>();
    work(
      async ({ id }) => {
        started.add(id);
        await gate.opened;
        return 'done';
      },
      { concurrency: 2 },
    );
    tasks('task_1');
    await started.first(1);
    await server.takes.first(2);
    const stopped = worker!.stop();
    const [abandoned] = await server.abandoned.first(1);
    expect(abandoned!.path).toBe('/v1/queue/take');
    gate.open();
    await stopped;
    await running;
    expect(server.reports.items.flatMap(completed)).toEqual([['task_1', { status_code: 200, body: 'done' }]]);
    expect(server.takes.items).toHaveLength(2);
  });

  it('gives back what does not end in time, whatever the handler makes of it', async () => {
    const reasons = new Inbox<unknown>();
    work(
      (_task, { signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            reasons.add(signal.reason);
            reject(signal.reason as Error);
          });
        }),
    );
    tasks('task_1');
    await server.takes.first(1);
    while (worker!.running === 0) await new Promise((resolve) => setImmediate(resolve));
    await worker!.stop(0);
    await running;
    expect(reasons.items[0]).toBeInstanceOf(WorkerStopping);
    expect(server.reports.items).toEqual([{ path: 'task_1/release', body: { lease_token: 'token-1' } }]);
  });

  it('happens once, however often it is asked for', async () => {
    work(() => 'done');
    await Promise.all([worker!.stop(), worker!.stop()]);
    await running;
    expect(server.reports.items).toEqual([]);
  });
});

describe('options', () => {
  it('that make no sense are refused at once', () => {
    const options = { url: server.url, key: 'k', handler: () => null };
    expect(() => new Worker({ ...options, queues: [] })).toThrow('queues names at least one lane');
    expect(() => new Worker({ ...options, queues: ['gpu:0'], concurrency: 0 })).toThrow('a whole number above 0');
  });
});
