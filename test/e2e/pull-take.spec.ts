/** How pull workers get their tasks over HTTP. */
import { connect } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { line, start } from '../support/batches.js';
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

const newQueue = (settings = {}) => worker.makeQueue(`take-${(queues += 1)}`, settings);
const LONG = { wait_seconds: 60 };

describe('a take', () => {
  it('gives a task with everything that its worker needs', async () => {
    const queue = await newQueue();
    const before = Date.now();
    const id = await worker.put(queue, { level: 1, trace_id: 'trace-1', data: { model: 'm', n: 1 } });
    const { status, body, headers } = await worker.ask('POST', 'take', { queues: [`${queue}:1`], process_timeout: 30 });
    expect(status).toBe(200);
    expect(headers.get('content-type')).toBe('application/json');
    expect(body).toEqual({
      [`${queue}:1`]: [
        {
          task_id: id,
          trace_id: 'trace-1',
          endpoint: '/v1/x',
          queue,
          level: 1,
          data: { model: 'm', n: 1 },
          status: 'queued',
          state: 'leased',
          tries: 0,
          response_mode: 'callback',
          start_time: expect.any(Number),
          running_time: 0,
          expire_time: expect.any(Number),
          completed_time: 0,
          lease_token: expect.any(String),
          lease_until: expect.any(Number),
        },
      ],
    });
    const [task] = body[`${queue}:1`];
    expect(task.start_time).toBeGreaterThanOrEqual(before);
    expect(task.lease_until - task.start_time).toBeGreaterThanOrEqual(30_000);
    expect(task.expire_time - task.start_time).toBe(24 * 3_600_000);
  });

  it('of a batch line names its batch and its custom id', async () => {
    const queue = await newQueue();
    const batch = await start(server.openai, [line('line-1')], { headers: { 'X-Millrace-Queue': queue } });
    const [task] = await worker.take(`${queue}:1`, LONG);
    expect(task).toMatchObject({
      custom_id: 'line-1',
      batch_id: batch.id,
      trace_id: `BATCH-${batch.id}`,
      response_mode: 'batch',
      endpoint: '/v1/chat/completions',
      data: { model: 'm' },
      lease_until: 0,
    });
    expect(await worker.task(task!.task_id)).toMatchObject({ batch_id: batch.id, trace_id: `BATCH-${batch.id}` });
  });

  it('hands the data out as it was put, byte by byte', async () => {
    const queue = await newQueue();
    const data = '{"big":12345678901234567890,"exact":1.10,"text":"\\u00e9\\ud83d\\ude00","b":{"z":1,"a":[]}}';
    await worker.post('put', `{"endpoint":"/v1/x","queue":"${queue}","data":${data}}`);
    const response = await server.fetch('/v1/queue/take', {
      method: 'POST',
      headers: { authorization: `Bearer ${server.adminKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({ queues: [`${queue}:0`] }),
    });
    expect(await response.text()).toContain(`"data":${data},`);
  });

  it('of nothing is empty, and one task comes when nobody says how many', async () => {
    const queue = await newQueue();
    expect(await worker.post('take', { queues: [`${queue}:0`, `${queue}:5`] })).toEqual({});
    const [first] = await worker.putMany(queue, 2);
    expect(idsOf(Object.values(await worker.post('take', { queues: [`${queue}:0`] })).flat() as HeldTask[])).toEqual([
      first,
    ]);
  });

  it('ignores fields that it does not know, and what workers of old send for none', async () => {
    const queue = await newQueue();
    const id = await worker.put(queue);
    const old = { endpoint: '/v1/x', strategy: null, size: null, worker: { id: null, capacities: { gpu: 2 } } };
    expect(
      idsOf(await worker.take(`${queue}:0`, { ...old, process_timeout: 0, process_max_retries: 0, later: 1 })),
    ).toEqual([id]);
  });

  it('gives only what is old enough', async () => {
    const queue = await newQueue();
    const id = await worker.put(queue);
    expect(await worker.take(`${queue}:0`, { min_age_seconds: 3_600 })).toEqual([]);
    expect(idsOf(await worker.take(`${queue}:0`, { min_age_seconds: 0 }))).toEqual([id]);
  });
});

describe('by strategy, a take', () => {
  it('fifo gives the oldest of all lanes, at most ten unless its worker says that it takes more', async () => {
    const [a, b] = [await newQueue(), await newQueue()];
    const ids: string[] = [];
    for (let n = 0; n < 15; n += 1) ids.push(await worker.put(n % 2 ? a : b, { level: n % 3 }));
    const lanes = [a, b].flatMap((queue) => [0, 1, 2].map((level) => `${queue}:${level}`));
    const first = await worker.take(lanes, { size: 100 });
    expect(idsOf(first).toSorted()).toEqual(ids.slice(0, 10).toSorted());
    expect(idsOf(await worker.take(lanes, { size: 3, fifo_max: 100 })).toSorted()).toEqual(
      ids.slice(10, 13).toSorted(),
    );
    expect(idsOf(await worker.take(lanes, { size: 100, fifo_max: 100 })).toSorted()).toEqual(ids.slice(13).toSorted());
  });

  it('round_robin gives one of each lane in turn, from the first', async () => {
    const [a, b, c] = [await newQueue(), await newQueue(), await newQueue()];
    const [as, bs, cs] = [await worker.putMany(a, 4), await worker.putMany(b, 1), await worker.putMany(c, 4)];
    const lanes = [`${a}:0`, `${b}:0`, `${c}:0`];
    const taken = await worker.post('take', { queues: lanes, size: 6, strategy: 'round_robin' });
    expect(idsOf(taken[`${a}:0`])).toEqual(as.slice(0, 3));
    expect(idsOf(taken[`${b}:0`])).toEqual(bs);
    expect(idsOf(taken[`${c}:0`])).toEqual(cs.slice(0, 2));
  });

  it('active_passive goes to the next lane only when the one before it is empty', async () => {
    const [a, b] = [await newQueue(), await newQueue()];
    const [as, bs] = [await worker.putMany(a, 3), await worker.putMany(b, 15)];
    const passive = { strategy: 'active_passive', size: 12 };
    expect(idsOf(await worker.take([`${b}:0`, `${a}:0`], passive))).toEqual(bs.slice(0, 12));
    expect(idsOf(await worker.take([`${b}:0`, `${a}:0`], passive))).toEqual([...bs.slice(12), ...as]);
  });

  it('sequential gives one of each lane, and no other while it is being worked on', async () => {
    const [a, b] = [await newQueue(), await newQueue()];
    const [as, bs] = [await worker.putMany(a, 3), await worker.putMany(b, 2)];
    const lanes = [`${a}:0`, `${b}:0`];
    const inSequence = { strategy: 'sequential', size: 100 };
    const [first, other] = await worker.take(lanes, inSequence);
    expect([first!.task_id, other!.task_id]).toEqual([as[0], bs[0]]);
    expect(await worker.take(lanes, inSequence)).toEqual([]);
    expect((await worker.complete(first!)).status).toBe(200);
    const [second] = await worker.take(lanes, inSequence);
    expect(second!.task_id).toBe(as[1]);
    expect(idsOf(await worker.take(`${a}:0`)), 'other strategies do not heed the lock').toEqual([as[2]]);
    await worker.post(`${other!.task_id}/fail`, { lease_token: other!.lease_token, retryable: false });
    expect(idsOf(await worker.take(lanes, inSequence))).toEqual([bs[1]]);
  });

  it.each([
    ['a release', (held: HeldTask) => worker.post(`${held.task_id}/release`)],
    ['a cancel', (held: HeldTask) => worker.ask('POST', `${held.task_id}/cancel`)],
    ['the end of its lease', () => Promise.resolve()],
  ])('sequential goes on after %s', async (_, end) => {
    const queue = await newQueue();
    const [first, second] = await worker.putMany(queue, 2);
    const inSequence = { strategy: 'sequential', process_timeout: 1 };
    const held = await worker.takeOne(`${queue}:0`, inSequence);
    expect(held.task_id).toBe(first);
    await end(held);
    const [next] = await until(
      () => worker.take(`${queue}:0`, inSequence),
      (tasks) => tasks.length > 0,
    );
    expect([first, second]).toContain(next!.task_id);
  });
});

describe('a take that waits', () => {
  it('is woken by a put, each by one task', async () => {
    const queue = await newQueue();
    const takes = Array.from({ length: 5 }, () => worker.take(`${queue}:0`, { ...LONG, size: 1 }));
    const ids = await worker.putMany(queue, 5);
    const taken = await Promise.all(takes);
    expect(taken.map((tasks) => tasks.length)).toEqual([1, 1, 1, 1, 1]);
    expect(idsOf(taken.flat()).toSorted()).toEqual(ids.toSorted());
  });

  it('is woken by what comes back, and by a queue that goes on', async () => {
    const queue = await newQueue();
    const id = await worker.put(queue);
    const held = await worker.takeOne(`${queue}:0`);
    const back = worker.take(`${queue}:0`, LONG);
    await worker.post(`${id}/release`, { lease_token: held.lease_token });
    expect(idsOf(await back)).toEqual([id]);
  });

  it('ends with nothing when its time is over', async () => {
    const queue = await newQueue();
    expect(await worker.take(`${queue}:0`, { wait_seconds: 1 })).toEqual([]);
  });

  it('and is given up before there is a task leaves it to others', async () => {
    const queue = await newQueue();
    for (let round = 0; round < 20; round += 1) {
      const gone = new AbortController();
      const cut = worker.take(`${queue}:0`, LONG, gone.signal).then(idsOf, (error: Error) => error.name);
      await worker.get('workers'); // whatever was asked before is there now
      gone.abort();
      const id = await worker.put(queue);
      expect(await cut).toBe('AbortError');
      expect(idsOf(await worker.take(`${queue}:0`, LONG))).toEqual([id]);
      expect((await worker.task(id)).tries).toBe(0);
    }
  });

  it('and is killed before it has read its answer leaves its task to others', async () => {
    const queue = await newQueue();
    for (let round = 0; round < 5; round += 1) {
      const socket = connect(Number(new URL(server.url).port), '127.0.0.1').pause();
      const body = JSON.stringify({ queues: [`${queue}:0`], wait_seconds: 60 });
      socket.write(
        `POST /v1/queue/take HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${server.adminKey}\r\n` +
          `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      );
      const id = await worker.put(queue);
      await until(
        () => worker.task(id),
        ({ state }) => state === 'leased',
      );
      socket.resetAndDestroy();
      expect(idsOf(await worker.take(`${queue}:0`, LONG))).toEqual([id]);
      expect((await worker.task(id)).tries).toBe(0);
    }
  });

  it('is sent home with nothing when the server stops', async () => {
    const own = await TestServer.start();
    try {
      const other = new PullWorker(own);
      const queue = await other.makeQueue('stopping');
      const takes = ['a', 'b', 'c'].map((id) => other.take(`${queue}:0`, { ...LONG, worker: { id } }));
      await until(
        async () => (await other.get('workers')).data.length,
        (seen) => seen === 3,
      );
      const exit = own.stop();
      expect(await Promise.all(takes)).toEqual([[], [], []]);
      expect(await exit).toEqual({ code: 0, signal: null });
    } finally {
      await own.close();
    }
  });
});

describe('many workers at once', () => {
  it('never get the same task, and get them all', async () => {
    const queue = await newQueue();
    const lanes = [`${queue}:0`, `${queue}:1`];
    const ids = (await Promise.all([0, 1].map((level) => worker.putMany(queue, 60, { level })))).flat();
    const strategies = ['fifo', 'round_robin', 'active_passive', 'fifo'];
    const taken = await Promise.all(
      Array.from({ length: 8 }, async (_, index) => {
        const mine: string[] = [];
        for (;;) {
          const tasks = await worker.take(lanes, { size: 3, strategy: strategies[index % 4] });
          if (tasks.length === 0) return mine;
          mine.push(...idsOf(tasks));
        }
      }),
    );
    expect(taken.flat().toSorted()).toEqual(ids.toSorted());
    expect(taken.filter((mine) => mine.length > 0).length).toBeGreaterThan(1);
  });

  it('keep each lane in its order, whatever they take and give back', async () => {
    type Step =
      { kind: 'put'; level: number } | { kind: 'take'; size: number } | { kind: 'release' | 'complete'; which: number };
    const step: fc.Arbitrary<Step> = fc.oneof(
      fc.record({ kind: fc.constant('put' as const), level: fc.nat(1) }),
      fc.record({ kind: fc.constant('take' as const), size: fc.integer({ min: 1, max: 4 }) }),
      fc.record({ kind: fc.constant('release' as const), which: fc.nat(9) }),
      fc.record({ kind: fc.constant('complete' as const), which: fc.nat(9) }),
    );
    const run = async (steps: readonly Step[]) => {
      const queue = await newQueue();
      /** Ready tasks, oldest first; and the place of each in that order. */
      let ready: string[] = [];
      const place = new Map<string, number>();
      let held: HeldTask[] = [];
      for (const next of steps) {
        if (next.kind === 'put') {
          const id = await worker.put(queue, { level: next.level });
          place.set(id, place.size);
          ready.push(id);
        } else if (next.kind === 'take') {
          const taken = await worker.take([`${queue}:0`, `${queue}:1`], { size: next.size });
          expect(idsOf(taken).toSorted()).toEqual(ready.slice(0, next.size).toSorted());
          ready = ready.slice(next.size);
          held.push(...taken);
        } else if (held.length > 0) {
          const task = held[next.which % held.length]!;
          held = held.filter((other) => other !== task);
          if (next.kind === 'complete') await worker.complete(task);
          else await worker.post(`${task.task_id}/release`, { lease_token: task.lease_token });
          if (next.kind === 'release') ready.push(task.task_id);
          ready.sort((a, b) => place.get(a)! - place.get(b)!);
        }
      }
    };
    await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 25 }), run), { numRuns: 12 });
  });
});
