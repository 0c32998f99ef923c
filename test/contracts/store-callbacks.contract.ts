import { describe, expect, it } from 'vitest';
import { CALLBACK_STATE_CODE } from '../../src/kernel/callback-state.js';
import { newId } from '../../src/kernel/ids.js';
import { AuditEntryRow } from '../../src/store/entities/audit-entry.entity.js';
import { CallbackRow } from '../../src/store/entities/callback.entity.js';
import { TaskRow } from '../../src/store/entities/task.entity.js';
import { MAX_ATTEMPTS } from '../../src/store/procedures/callback.procedures.js';
import type {
  CallbackAttempt,
  CallbackEnd,
  CallbackLine,
  LeasedCallback,
} from '../../src/store/procedures/callback-shapes.js';
import type { TestStore } from '../support/store-factory.js';
import { OWNER_SEQ, range, seedLane } from '../support/store-seeds.js';
import { completionOf, failureOf, put, rowOf, take, TTL_MS } from '../support/task-seeds.js';
import { exerciseStoreSecrets } from './store-secrets.contract.js';

const A = 'https://a.example';
const B = 'https://b.example';

/** The outbox: what is due is leased by one server at a time, and every try is on record. */
export function exerciseStoreCallbacks(store: TestStore): void {
  describe('a lease', () => exerciseLeases(store));
  describe('lines', () => exerciseDueLines(store));
  describe('a record', () => exerciseRecords(store));
  describe('a rescue', () => exerciseRescues(store));
  describe('a replay', () => exerciseReplays(store));
  describe('what a callback tells of', () => exerciseSubjects(store));
  describe('of a dead letter', () => exerciseWithdrawals(store));
  describe('a webhook secret', () => exerciseStoreSecrets(store));
}

interface Seed {
  tenantSeq?: number;
  target?: string;
  taskSeq?: number | null;
  availableAt?: number;
}

/** `count` callbacks that wait, in the order of their ids. */
async function seed(store: TestStore, count: number, { target = A, ...over }: Seed = {}) {
  return seedEach(store, Array<string>(count).fill(target), over);
}

/** One to each of these origins. */
async function seedEach(
  store: TestStore,
  targets: readonly string[],
  { tenantSeq = 1, taskSeq = null, availableAt }: Seed = {},
) {
  const rows = targets.map((target) => ({
    id: newId('callback'),
    tenantSeq,
    taskSeq,
    url: `${target}/hook`,
    target,
    body: '{}',
    state: CALLBACK_STATE_CODE.waiting,
    availableAt: availableAt ?? store.clock.now(),
    createdAt: store.clock.now(),
  }));
  for (let from = 0; from < rows.length; from += 200)
    await store.byHand.insert(CallbackRow, rows.slice(from, from + 200));
  return rows.map(({ id }) => id);
}

interface Want {
  lines?: (CallbackLine & { want: number })[];
  ownerSeq?: number;
}

/** By default all that is due. */
async function lease(store: TestStore, { lines, ownerSeq = OWNER_SEQ }: Want = {}) {
  const due = async () => (await store.callbacks.dueLines()).map((each) => ({ ...each, want: 100 }));
  return store.callbacks.lease({ ownerSeq, lines: lines ?? (await due()) });
}

const line = (target: string, tenantSeq = 1): CallbackLine => ({ tenantSeq, target });
const of = (target: string, want: number, tenantSeq = 1) => ({ ...line(target, tenantSeq), want });

const ATTEMPT: CallbackAttempt = { startedAt: 5, tookMs: 7, statusCode: 500, error: 'no', answer: 'oops' };

function end({ seq, epoch }: LeasedCallback, over: Partial<CallbackEnd> = {}): CallbackEnd {
  return { seq, epoch, state: 'delivered', availableAt: null, attempt: ATTEMPT, ...over };
}

const row = (store: TestStore, id: string) => store.reader.findOneByOrFail(CallbackRow, { id });
const countOf = (leased: readonly LeasedCallback[], target: string) =>
  leased.filter((callback) => callback.target === target).length;

function exerciseLeases(store: TestStore): void {
  it('is of what is due, and of nothing else', async () => {
    const [due] = await seed(store, 1);
    await seed(store, 1, { availableAt: store.clock.now() + 1_000 });
    const [leased, ...others] = await lease(store);
    expect(leased).toMatchObject({
      id: due,
      epoch: 1,
      tenantSeq: 1,
      url: `${A}/hook`,
      target: A,
      body: '{}',
      tries: 0,
    });
    expect(others).toEqual([]);
    expect(await row(store, due!)).toMatchObject({ state: 2, ownerSeq: OWNER_SEQ, leasedAt: store.clock.now() });
    expect(await store.callbacks.hasDue()).toBe(false);
    store.clock.advance(1_000);
    expect(await store.callbacks.hasDue()).toBe(true);
    expect(await lease(store)).toHaveLength(1);
  });

  it('is had by one of many who ask', async () => {
    const ids = await seed(store, 20);
    const leases = await Promise.all(range(1, 8).map((ownerSeq) => lease(store, { lines: [of(A, 5)], ownerSeq })));
    expect(
      leases
        .flat()
        .map(({ id }) => id)
        .toSorted(),
    ).toEqual(ids);
  });

  it('holds of each line no more than is wanted', async () => {
    await seed(store, 30);
    await seed(store, 30, { target: B });
    const leased = await lease(store, { lines: [of(B, 1), of(A, 8)] });
    expect([countOf(leased, A), countOf(leased, B)]).toEqual([8, 1]);
    expect(await lease(store, { lines: [of('https://c.example', 5)] })).toEqual([]);
  });

  it('passes over a long line of another tenant to the same origin', async () => {
    await seed(store, 500);
    store.clock.advance(1);
    const [other] = await seed(store, 1, { tenantSeq: 2 });
    const leased = await lease(store, { lines: [of(A, 5, 2)] });
    expect(leased.map(({ id }) => id)).toEqual([other]);
  });
}

function exerciseDueLines(store: TestStore): void {
  const due = () => store.callbacks.dueLines();

  it('are those of which something is due, whoever has waited longest first', async () => {
    expect(await due()).toEqual([]);
    await seed(store, 2, { target: B });
    store.clock.advance(10);
    await seed(store, 2, { tenantSeq: 2 });
    await seed(store, 1, { availableAt: store.clock.now() + 1_000 });
    const [ofB, ofA] = [line(B), line(A, 2)];
    expect(await due()).toEqual([ofB, ofA]);
    await lease(store, { lines: [of(B, 1)] });
    expect(await due()).toEqual([ofB, ofA]);
    await lease(store, { lines: [of(B, 1)] });
    expect(await due()).toEqual([ofA]);
    store.clock.advance(1_000);
    expect(await due()).toEqual([ofA, line(A)]);
  });

  it('of a tenant with very many are looked at by and by, and do not crowd out those of others', async () => {
    const many = range(1, 1_100).map((n) => `https://${String(n).padStart(4, '0')}.example`);
    await seedEach(store, many);
    store.clock.advance(1);
    await seed(store, 1, { tenantSeq: 2 });
    const part = (from: number, to: number) => [...many.slice(from, to).map((target) => line(target)), line(A, 2)];
    expect(await due()).toEqual(part(0, 500));
    expect(await due()).toEqual(part(500, 1_000));
    expect(await due()).toEqual(part(1_000, 1_100));
    expect(await due()).toEqual(part(0, 500));
  });

  it('of a tenant with just as many as are looked at in one go are all found again', async () => {
    const many = range(1, 500).map((n) => `https://${n}.example`);
    await seedEach(store, many, { tenantSeq: 3 });
    expect(await due()).toHaveLength(500);
    expect(await due()).toEqual([]);
    expect(await due()).toHaveLength(500);
  });
}

function exerciseRecords(store: TestStore): void {
  it('of a delivery ends the callback and notes the try', async () => {
    const [id] = await seed(store, 1);
    const [leased] = await lease(store);
    const attempt = { ...ATTEMPT, statusCode: 200, error: null, answer: 'ok' };
    expect(await store.callbacks.record(end(leased!, { attempt }))).toBe(true);
    const ended = await row(store, id!);
    expect(ended).toMatchObject({ state: 3, tries: 1, ownerSeq: null, leasedAt: null, endedAt: store.clock.now() });
    expect(await store.callbacks.attempts([ended.seq])).toEqual([
      expect.objectContaining({ callbackSeq: ended.seq, epoch: 1, ...attempt }),
    ]);
  });

  it('of a failure makes it wait until its next try', async () => {
    const [id] = await seed(store, 1);
    const [leased] = await lease(store);
    const availableAt = store.clock.now() + 5_000;
    await store.callbacks.record(end(leased!, { state: 'waiting', availableAt }));
    expect(await row(store, id!)).toMatchObject({ state: 1, tries: 1, availableAt, endedAt: null });
    expect(await lease(store)).toEqual([]);
    store.clock.advance(5_000);
    expect(await lease(store)).toMatchObject([{ id, epoch: 2, tries: 1 }]);
  });

  it('of what was not tried leaves no trace', async () => {
    const [id] = await seed(store, 1);
    const before = await row(store, id!);
    const [leased] = await lease(store);
    await store.callbacks.record(end(leased!, { state: 'waiting', attempt: null }));
    expect(await row(store, id!)).toEqual(Object.assign(before, { epoch: 1 }));
    expect(await store.callbacks.attempts([before.seq])).toEqual([]);
  });

  it('with an old epoch changes nothing', async () => {
    const [id] = await seed(store, 1);
    const [old] = await lease(store);
    await store.callbacks.record(end(old!, { state: 'waiting', attempt: null }));
    const [fresh] = await lease(store);
    expect(await store.callbacks.record(end(old!))).toBe(false);
    expect(await row(store, id!)).toMatchObject({ state: 2, epoch: 2, tries: 0 });
    expect(await store.callbacks.attempts([old!.seq])).toEqual([]);
    const outcomes = await Promise.all([store.callbacks.record(end(fresh!)), store.callbacks.record(end(fresh!))]);
    expect(outcomes).toEqual([true, false]);
  });

  it('forgets the oldest tries when they become too many', async () => {
    await seed(store, 1);
    for (const n of range(1, MAX_ATTEMPTS + 3)) {
      const [leased] = await lease(store);
      await store.callbacks.record(
        end(leased!, { state: 'waiting', availableAt: store.clock.now(), attempt: { ...ATTEMPT, startedAt: n } }),
      );
    }
    const { seq } = await store.reader.findOneByOrFail(CallbackRow, {});
    const starts = (await store.callbacks.attempts([seq])).map(({ startedAt }) => startedAt);
    expect(starts).toEqual(range(4, MAX_ATTEMPTS + 3));
  });

  it('is counted among those that wait no longer', async () => {
    await seed(store, 3);
    expect(await store.callbacks.pending()).toBe(3);
    await store.callbacks.record(end((await lease(store))[0]!));
    expect(await store.callbacks.pending()).toBe(0);
  });
}

function exerciseRescues(store: TestStore): void {
  it('brings back what others had leased, and notes that nobody knows how far it came', async () => {
    const [lost, mine, waiting] = await seed(store, 3);
    await lease(store, { lines: [of(A, 1)], ownerSeq: 7 });
    await lease(store, { lines: [of(A, 1)], ownerSeq: 8 });
    store.clock.advance(300);
    expect(await store.callbacks.rescue(8)).toEqual({ rescued: 1, isMore: false });
    const rescued = await row(store, lost!);
    expect(rescued).toMatchObject({ state: 1, tries: 0, epoch: 1, ownerSeq: null });
    expect(await row(store, mine!)).toMatchObject({ state: 2, ownerSeq: 8 });
    expect(await row(store, waiting!)).toMatchObject({ state: 1, epoch: 0 });
    expect(await store.callbacks.attempts([rescued.seq])).toMatchObject([
      {
        epoch: 1,
        startedAt: store.clock.now() - 300,
        tookMs: 300,
        statusCode: null,
        error: expect.stringContaining('ended'),
      },
    ]);
  });
}

function exerciseReplays(store: TestStore): void {
  const by = 'key_1';

  it.each(['delivered', 'dead'] as const)('of one that is %s begins anew', async (state) => {
    const [id] = await seed(store, 1, { taskSeq: 4 });
    const [leased] = await lease(store);
    await store.callbacks.record(end(leased!, { state }));
    store.clock.advance(50);
    const replayed = await store.callbacks.replay({ id: id!, taskSeq: 4, by });
    expect(replayed).toMatchObject({ id, state: 1, tries: 0, availableAt: store.clock.now(), endedAt: null });
    expect(await lease(store)).toMatchObject([{ id, epoch: 2 }]);
    const act = await store.reader.findOneByOrFail(AuditEntryRow, {});
    expect(act).toMatchObject({ action: 'callback.replay', subject: id, actor: by, tenantSeq: 1 });
  });

  it('of one that waits ends its wait, and no more', async () => {
    const [id] = await seed(store, 1, { taskSeq: 4 });
    const [leased] = await lease(store);
    await store.callbacks.record(end(leased!, { state: 'waiting', availableAt: store.clock.now() + 9_999 }));
    const replayed = await store.callbacks.replay({ id: id!, taskSeq: 4, by });
    expect(replayed).toMatchObject({ tries: 1, availableAt: store.clock.now() });
  });

  it('is refused while it is being delivered, and of a callback of another task', async () => {
    const [id] = await seed(store, 1, { taskSeq: 4 });
    const replay = (taskSeq: number) => store.callbacks.replay({ id: id!, taskSeq, by });
    await expect(replay(5)).rejects.toMatchObject({ code: 'not_found' });
    await lease(store);
    await expect(replay(4)).rejects.toMatchObject({ code: 'conflict' });
    expect(await store.reader.countBy(AuditEntryRow, {})).toBe(0);
  });
}

function exerciseSubjects(store: TestStore): void {
  it('is its task', async () => {
    const lane = await seedLane(store);
    await store.byHand.insert(TaskRow, { ...lane, id: 'task_x', state: 5, mode: 'callback', enqueuedAt: 1 });
    const { seq } = await store.reader.findOneByOrFail(TaskRow, { id: 'task_x' });
    await seed(store, 1, { taskSeq: seq });
    const [leased] = await lease(store);
    expect(await store.callbacks.subject(leased!)).toEqual({
      id: 'task_x',
      batchId: null,
      line: null,
      state: 5,
      statusCode: null,
      requestId: null,
      body: null,
      blobKey: null,
      errorCode: null,
      errorMessage: null,
    });
    await seed(store, 2, { taskSeq: seq });
    expect(await store.callbacks.ofTask(seq, 1)).toHaveLength(1);
    expect(await store.callbacks.ofTask(seq + 1, 9)).toEqual([]);
  });

  it('is nothing when the task is gone, or has not ended', async () => {
    const lane = await seedLane(store);
    const { seq } = await rowOf(store, await put(store, lane));
    await seed(store, 1, { taskSeq: 123 });
    await seed(store, 1, { taskSeq: seq });
    for (const leased of await lease(store)) expect(await store.callbacks.subject(leased)).toBeNull();
  });
}

function exerciseWithdrawals(store: TestStore): void {
  const by = 'key_1';

  /** A task that has failed, with the callback that is to tell of it. */
  async function fail() {
    const lane = await seedLane(store);
    const id = await put(store, lane, { callbackUrl: `${A}/hook` });
    const [task] = await take(store, [lane]);
    await store.pull.fail([failureOf(task!, lane, { isFinal: true })]);
    const act = { ids: [id], tenantSeq: lane.tenantSeq, by };
    return { lane, seq: task!.seq, act, redrive: () => store.deadLetters.redrive({ ...act, ttlMs: TTL_MS }) };
  }
  const statesOf = async (taskSeq: number) => (await store.callbacks.ofTask(taskSeq, 9)).map(({ state }) => state);

  it('is withdrawn when the task is sent back, and its new end has one of its own', async () => {
    const { lane, seq, redrive } = await fail();
    const [first] = await store.callbacks.ofTask(seq, 9);
    await store.callbacks.record(
      end((await lease(store))[0]!, { state: 'waiting', availableAt: store.clock.now() + 5_000 }),
    );
    await redrive();
    expect(await statesOf(seq)).toEqual([]);
    expect(await store.callbacks.attempts([first!.seq])).toEqual([]);
    const [task] = await take(store, [lane]);
    await store.pull.complete([completionOf(task!, lane)]);
    const [second, ...others] = await store.callbacks.ofTask(seq, 9);
    expect([second!.id === first!.id, others]).toEqual([false, []]);
    expect(await store.callbacks.subject((await lease(store))[0]!)).toMatchObject({ state: 3, body: '{"answer":1}' });
  });

  it.each(['sent back', 'sent back and done', 'deleted'])(
    'has nothing to tell when the task is %s while it is being delivered',
    async (what) => {
      const { lane, seq, act, redrive } = await fail();
      const [leased] = await lease(store);
      expect(await store.callbacks.subject(leased!)).toMatchObject({ state: 4, errorCode: 'worker_error' });
      if (what === 'deleted') expect(await store.deadLetters.drop(act)).toEqual([true]);
      else await redrive();
      if (what === 'sent back and done') {
        await store.pull.complete([completionOf((await take(store, [lane]))[0]!, lane)]);
      }
      expect(await store.callbacks.subject(leased!)).toBeNull();
      expect(await store.callbacks.record(end(leased!, { state: 'dead' }))).toBe(false);
      expect(await statesOf(seq)).toEqual(what === 'sent back and done' ? [1] : []);
    },
  );

  it('stays when it was delivered, but is not sent again for another end', async () => {
    const { lane, seq, redrive } = await fail();
    const [leased] = await lease(store);
    await store.callbacks.record(end(leased!));
    await redrive();
    const refused = { code: 'conflict', message: expect.stringContaining('before it was sent back') };
    await expect(store.callbacks.replay({ id: leased!.id, taskSeq: seq, by })).rejects.toMatchObject(refused);
    await store.pull.complete([completionOf((await take(store, [lane]))[0]!, lane)]);
    await expect(store.callbacks.replay({ id: leased!.id, taskSeq: seq, by })).rejects.toMatchObject(refused);
    const [, second] = await store.callbacks.ofTask(seq, 9);
    expect(await store.callbacks.replay({ id: second!.id, taskSeq: seq, by })).toMatchObject({ state: 1 });
    expect(await statesOf(seq)).toEqual([3, 1]);
  });
}
