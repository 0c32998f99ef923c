/** Tasks from put to end through the services, with their sweeps, events and long polls, but without HTTP. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi, type MockInstance } from 'vitest';
import { newId } from '../../src/kernel/ids.js';
import { DeadLettersService } from '../../src/modules/tasks/dead-letters.service.js';
import { PullService } from '../../src/modules/tasks/pull.service.js';
import type { HandedTask, NumberedEvent, PutRequest, TakeCall } from '../../src/modules/tasks/task-requests.js';
import { TakeWaiters } from '../../src/modules/tasks/take-waiters.js';
import { TaskIntake } from '../../src/modules/tasks/task-intake.js';
import { TasksService } from '../../src/modules/tasks/tasks.service.js';
import { WaitingCalls } from '../../src/modules/tasks/waiting-calls.js';
import { PullStore } from '../../src/store/pull.store.js';
import { startTaskApp, type TaskApp } from '../support/task-app.js';
import { until } from '../support/until.js';

const LARGE = JSON.stringify({ text: 'é'.repeat(50_000) });

describe('tasks', () => {
  let served: TaskApp;
  let [intake, tasks, pull, calls, letters] = [] as unknown as [
    TaskIntake,
    TasksService,
    PullService,
    WaitingCalls,
    DeadLettersService,
  ];
  let tenantSeq: number;
  let queueName: string;

  beforeAll(async () => {
    served = await startTaskApp();
    const find = <T>(type: new (...parts: never[]) => T): T => served.app.get(type, { strict: false });
    [intake, tasks, pull, calls] = [find(TaskIntake), find(TasksService), find(PullService), find(WaitingCalls)];
    letters = find(DeadLettersService);
  });
  beforeEach(async () => {
    tenantSeq = await served.makeTenant();
    queueName = newId('queue');
    await served.makeQueue(tenantSeq, queueName);
  });
  afterAll(() => served.close());

  const putOf = (over: Partial<PutRequest> = {}): PutRequest => ({
    tenantSeq,
    queueName,
    keyId: null,
    level: 0,
    mode: 'callback',
    type: null,
    endpoint: '/v1/x',
    model: null,
    body: '{"n":1}',
    delayMs: null,
    notBefore: null,
    ttlMs: 60_000,
    traceId: null,
    callbackUrl: null,
    idempotencyKey: null,
    ...over,
  });
  const takeOf = (over: Partial<TakeCall> = {}): TakeCall => ({
    tenantSeq,
    lanes: [{ queueName, level: 0 }],
    strategy: 'fifo',
    size: 10,
    minAgeMs: 0,
    leaseMs: null,
    leaseEnd: 'complete_408',
    leaseRetries: 0,
    worker: { name: 'w', capacity: 1 },
    waitMs: 0,
    ...over,
  });
  const answer = (taskId: string, epoch: number | null, body = '{"a":1}') => ({
    taskId,
    epoch,
    statusCode: 200,
    requestId: null,
    body,
    usage: null,
  });

  it('are put, taken, completed and read', async () => {
    const { id } = await intake.put(putOf({ traceId: 't-1' }));
    const [task] = await pull.take(takeOf());
    expect(task).toMatchObject({ id, queueName, level: 0, body: '{"n":1}', epoch: 1, traceId: 't-1', state: 'leased' });
    expect(await pull.complete(tenantSeq, [answer(id, 1)])).toEqual(['done']);
    expect(await tasks.get(tenantSeq, id)).toMatchObject({
      state: 'completed',
      body: '{"n":1}',
      result: { statusCode: 200, body: '{"a":1}', errorCode: null },
    });
    await expect(tasks.get(await served.makeTenant(), id)).rejects.toMatchObject({ code: 'not_found' });
  });

  it('may be large on both ways', async () => {
    const { id } = await intake.put(putOf({ body: LARGE }));
    const [task] = await pull.take(takeOf());
    expect(task!.body).toBe(LARGE);
    expect(await pull.complete(tenantSeq, [answer(id, 1, LARGE)])).toEqual(['done']);
    expect(await pull.complete(tenantSeq, [answer(id, 1, LARGE)])).toEqual(['repeated']);
    expect(await pull.complete(tenantSeq, [answer(id, 1, `${LARGE} `)])).toEqual(['lost']);
    expect((await tasks.get(tenantSeq, id)).result!.body).toBe(LARGE);
  });

  it('wake a worker who waits for them', async () => {
    const waiting = [1, 2, 3].map(() => pull.take(takeOf({ size: 1, waitMs: 20_000 })));
    const receipts = await intake.putMany([putOf(), putOf(), putOf()]);
    const taken = (await Promise.all(waiting)).flat();
    expect(new Set(taken.map(({ id }) => id))).toEqual(
      new Set(receipts.map((receipt) => 'id' in receipt && receipt.id)),
    );
  });

  describe('wake by the put itself, with no look at the store,', () => {
    let takes: MockInstance<PullStore['take']>;

    beforeEach(() => {
      const store = served.app.get(PullStore, { strict: false });
      const waiters = served.app.get<unknown>(TakeWaiters, { strict: false }) as { look: () => Promise<void> };
      vi.spyOn(waiters, 'look').mockResolvedValue();
      takes = vi.spyOn(store, 'take');
    });
    afterEach(() => vi.restoreAllMocks());

    /** Waits a minute, which is never over here; resolves once it has tried and waits. */
    async function waiting(
      over: Partial<TakeCall> = {},
      signal?: AbortSignal,
    ): Promise<{ taken: Promise<HandedTask[]> }> {
      const tried = takes.mock.calls.length + 1;
      const taken = pull.take(takeOf({ size: 1, waitMs: 60_000, ...over }), { signal });
      await until(
        async () => takes.mock.settledResults.filter(({ type }) => type === 'fulfilled').length,
        (count) => count === tried,
      );
      return { taken };
    }

    it('one worker of those who wait, the first', async () => {
      const leaving = new AbortController();
      const [first, ...others] = [
        await waiting(),
        await waiting({}, leaving.signal),
        await waiting({}, leaving.signal),
      ];
      takes.mockClear();
      const { id } = await intake.put(putOf());
      expect(await first.taken).toMatchObject([{ id }]);
      expect(takes).toHaveBeenCalledTimes(1);
      leaving.abort();
      expect(await Promise.all(others.map(({ taken }) => taken))).toEqual([[], []]);
    });

    it('one who may have the task, past those who may not', async () => {
      const held = await intake.put(putOf());
      await pull.take(takeOf({ strategy: 'sequential' }));
      const leaving = new AbortController();
      const aged = await waiting({ minAgeMs: 3_600_000 }, leaving.signal);
      const inSequence = await waiting({ strategy: 'sequential' }, leaving.signal);
      const { taken } = await waiting();
      const { id } = await intake.put(putOf());
      expect(await taken).toMatchObject([{ id }]);
      expect(id).not.toBe(held.id);
      leaving.abort();
      expect(await Promise.all([aged.taken, inSequence.taken])).toEqual([[], []]);
    });

    it('one for each, also when the first waits for both', async () => {
      await served.makeQueue(tenantSeq, 'other');
      const lanes = [queueName, 'other'].map((name) => ({ queueName: name, level: 0 }));
      const takers = [await waiting({ lanes }), await waiting()];
      const receipts = await intake.putMany([putOf({ queueName: 'other' }), putOf()]);
      const taken = (await Promise.all(takers.map((taker) => taker.taken))).flat();
      expect(taken.map(({ id }) => id).toSorted()).toEqual(
        receipts.map((receipt) => ('id' in receipt ? receipt.id : '')).toSorted(),
      );
    });
  });

  it('wake a worker who waits when they come back or their time has come', async () => {
    await intake.put(putOf());
    const [task] = await pull.take(takeOf());
    const again = pull.take(takeOf({ waitMs: 20_000 }));
    await pull.release(tenantSeq, [{ taskId: task!.id, epoch: task!.epoch }]);
    expect(await again).toMatchObject([{ id: task!.id, epoch: 2 }]);
    const later = pull.take(takeOf({ waitMs: 20_000 }));
    const { id } = await intake.put(putOf({ delayMs: 100 }));
    expect(await later).toMatchObject([{ id }]);
  });

  it('do not reach a worker who has gone', async () => {
    const leaving = new AbortController();
    const waiting = pull.take(takeOf({ waitMs: 20_000 }), { signal: leaving.signal });
    leaving.abort();
    expect(await waiting).toEqual([]);
    const { id } = await intake.put(putOf());
    expect(await pull.take(takeOf())).toMatchObject([{ id }]);
  });

  it('come back from a worker who has died', async () => {
    const { id } = await intake.put(putOf());
    await pull.take(takeOf({ leaseMs: 50, leaseRetries: 1 }));
    expect(await pull.take(takeOf({ waitMs: 20_000, leaseMs: 50 }))).toMatchObject([{ id, epoch: 2 }]);
    const ended = await until(
      () => tasks.get(tenantSeq, id),
      ({ state }) => state === 'completed',
    );
    expect(ended).toMatchObject({ result: { statusCode: 408, requestId: id, body: null }, tries: 2 });
    expect(await tasks.attempts(tenantSeq, id)).toMatchObject([
      { outcome: 'lost', workerName: 'w' },
      { outcome: 'lost', workerName: 'w' },
    ]);
  });

  it('answer the caller who waits for them', async () => {
    const call = await calls.open(putOf({ mode: 'blocking' }));
    const [task] = await pull.take(takeOf());
    await pull.complete(tenantSeq, [answer(task!.id, null)]);
    expect(await call.ended).toMatchObject({ state: 'completed', result: { body: '{"a":1}' } });
  });

  it('answer all callers of one Idempotency-Key, also the one who comes when it is over', async () => {
    const put = () => calls.open(putOf({ mode: 'blocking', idempotencyKey: 'k' }));
    const [first, second] = [await put(), await put()];
    expect([first.isReplay, second.isReplay, second.taskId]).toEqual([false, true, first.taskId]);
    const [task] = await pull.take(takeOf());
    await pull.complete(tenantSeq, [answer(task!.id, task!.epoch)]);
    const third = await put();
    for (const call of [first, second, third]) {
      expect(call.taskId).toBe(first.taskId);
      expect(await call.ended).toMatchObject({ state: 'completed', result: { body: '{"a":1}' } });
    }
  });

  it('are given up by an impatient caller unless they have ended', async () => {
    const [one, two] = [await calls.open(putOf({ mode: 'blocking' })), await calls.open(putOf({ mode: 'blocking' }))];
    expect(await calls.giveUp(tenantSeq, one.taskId, { isTimeOut: false })).toBeNull();
    expect(await one.ended).toMatchObject({ state: 'cancelled', result: { errorCode: 'cancelled' } });
    const [task] = await pull.take(takeOf());
    await pull.complete(tenantSeq, [answer(task!.id, null)]);
    expect(await calls.giveUp(tenantSeq, two.taskId, { isTimeOut: true })).toMatchObject({
      id: two.taskId,
      state: 'completed',
    });
  });

  it('stream what they say, also to who joins later', async () => {
    const call = await calls.open(putOf({ mode: 'streaming' }));
    const [task] = await pull.take(takeOf());
    const listen = (from: typeof call) => {
      const heard: NumberedEvent[] = [];
      return new Promise<string[]>((resolve, reject) => {
        from.events.subscribe({
          next: (events) => heard.push(...events),
          complete: () => resolve(heard.map(({ n, data }) => `${n}${data}`)),
          error: reject,
        });
      });
    };
    const first = listen(call);
    const say = (...data: string[]) =>
      pull.progress(tenantSeq, {
        taskId: task!.id,
        epoch: task!.epoch,
        firstN: null,
        events: data.map((text) => ({ id: null, name: null, data: text })),
      });
    expect(await say('a', 'b')).toBe('done');
    const second = listen(await calls.join(tenantSeq, task!.id, 1));
    expect(await say('c')).toBe('done');
    await pull.complete(tenantSeq, [answer(task!.id, task!.epoch)]);
    expect(await say('d')).toBe('lost');
    expect(await first).toEqual(['1a', '2b', '3c']);
    expect(await second).toEqual(['2b', '3c']);
    expect(await listen(await calls.join(tenantSeq, task!.id, 0))).toEqual(['1a', '2b', '3c']);
    expect(await tasks.events(tenantSeq, task!.id, 2)).toMatchObject([{ n: 3, data: 'c' }]);
  });

  it('that fail wait for somebody to send them back', async () => {
    const { id } = await intake.put(putOf());
    const [task] = await pull.take(takeOf());
    const failure = { code: 'bad', message: 'It broke.', retryAfterMs: null, isFinal: true };
    await pull.fail(tenantSeq, [{ taskId: id, epoch: task!.epoch, ...failure }]);
    const { letters: dead } = await letters.list(tenantSeq, queueName, null, 10);
    expect(dead).toMatchObject([{ id, result: { errorCode: 'bad' }, attempts: [{ outcome: 'failed' }] }]);
    const waiting = pull.take(takeOf({ waitMs: 20_000 }));
    expect(await letters.redriveQueue(tenantSeq, queueName, 'admin')).toBe(1);
    expect(await waiting).toMatchObject([{ id, tries: 0 }]);
  });

  it('that wait are cleared away, and their callers told', async () => {
    const call = await calls.open(putOf({ mode: 'blocking' }));
    await intake.put(putOf({ delayMs: 60_000 }));
    expect(await letters.clearLane(tenantSeq, queueName, 0, 'admin')).toBe(2);
    expect(await call.ended).toMatchObject({ state: 'cancelled', result: { errorCode: 'cleared' } });
  });

  it('expire, and their callers are told', async () => {
    const call = await calls.open(putOf({ mode: 'blocking', ttlMs: 50 }));
    expect(await call.ended).toMatchObject({ state: 'expired', result: { errorCode: 'expired' } });
  });

  it('are begun no faster than their queue allows', async () => {
    await served.makeQueue(tenantSeq, 'slow', { perMinute: 3 });
    const lanes = [{ queueName: 'slow', level: 0 }];
    await intake.putMany([1, 2, 3, 4, 5].map(() => putOf({ queueName: 'slow' })));
    // Permits that are counted in Redis are given out only when all processes have said what they hold.
    expect(await pull.take(takeOf({ lanes, size: 2, waitMs: 20_000 }))).toHaveLength(2);
    expect(await pull.take(takeOf({ lanes, size: 2 }))).toHaveLength(1);
    expect(await pull.take(takeOf({ lanes, size: 2 }))).toEqual([]);
  });

  it('are refused where there is no such queue, or no room', async () => {
    await expect(intake.put(putOf({ queueName: 'none' }))).rejects.toMatchObject({ code: 'queue_not_found' });
    await expect(intake.put(putOf({ queueName: null, endpoint: null }))).rejects.toMatchObject({ param: 'endpoint' });
    await served.makeQueue(tenantSeq, 'small', { maxDepth: 1 });
    const [first, second] = await intake.putMany([putOf({ queueName: 'small' }), putOf({ queueName: 'small' })]);
    expect([first, second]).toMatchObject([{ isReplay: false }, { code: 'queue_full' }]);
    const lanes = [{ queueName: 'none', level: 0 }];
    await expect(pull.take(takeOf({ lanes }))).rejects.toMatchObject({ code: 'queue_not_found' });
  });
});
