/**
 * Random histories of puts, takes and everything a worker may do, against a small model of what must come of them: which
 * task each strategy gives, that a sequential lane gives one at a time, that a stale token changes nothing, how often a task
 * is tried, and that a task which comes back is where it was.
 */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { PULL_STRATEGIES, type PullStrategy } from '../../src/kernel/pull.js';
import { TASK_STATES, type TaskState } from '../../src/kernel/task-state.js';
import { TaskRow } from '../../src/store/entities/task.entity.js';
import type { TestStore } from '../support/store-factory.js';
import { seedLane, type SeededLane } from '../support/store-seeds.js';
import { claimOf, completionOf, failureOf, newTask, take } from '../support/task-seeds.js';

const LANES = 3;
const MAX_TRIES = 3;
const LEASE_MS = 1_000;
const TTL_MS = 20_000;
const RETRIES = 1;

interface ModelTask {
  id: string;
  lane: number;
  state: TaskState;
  epoch: number;
  tries: number;
  enqueuedAt: number;
  availableAt: number;
  leaseUntil: number;
  /** Whether a worker has completed it; not by the end of its lease. */
  isAnswered: boolean;
}

/** What the store should hold, in the order in which it came in. */
class Model {
  readonly tasks: ModelTask[] = [];
  /** Every lease that was ever given. */
  readonly leases: { id: string; lane: number; epoch: number }[] = [];
  readonly locks = new Map<number, { id: string; epoch: number }>();

  constructor(private readonly now: () => number) {}

  of(id: string): ModelTask {
    return this.tasks.find((task) => task.id === id)!;
  }

  holds({ id, epoch }: { id: string; epoch: number }): boolean {
    const task = this.of(id);
    return task.state === 'leased' && task.epoch === epoch;
  }

  private ready(lane: number): ModelTask[] {
    const isFresh = (task: ModelTask) => task.enqueuedAt + TTL_MS > this.now();
    return this.tasks.filter((task) => task.lane === lane && task.state === 'ready' && isFresh(task));
  }

  /** Which tasks a take must give. */
  choose(strategy: PullStrategy, lanes: readonly number[], size: number): string[] {
    const heads = lanes.map((lane) => this.ready(lane));
    if (strategy === 'sequential') {
      const isFree = (lane: number) => !this.locks.has(lane) || !this.holds(this.locks.get(lane)!);
      const firsts = lanes.flatMap((lane, index) => (isFree(lane) ? heads[index]!.slice(0, 1) : []));
      return ids(firsts, LANES);
    }
    if (strategy === 'active_passive') return ids(heads.flat(), size);
    if (strategy === 'fifo') {
      const oldestFirst = heads.flat().sort((a, b) => this.tasks.indexOf(a) - this.tasks.indexOf(b));
      return ids(oldestFirst, size);
    }
    const rounds = Math.max(0, ...heads.map((head) => head.length));
    const dealt = Array.from({ length: rounds }, (_, round) => heads.flatMap((head) => head[round] ?? []));
    return ids(dealt.flat(), size);
  }

  lease(id: string, strategy: PullStrategy): void {
    const task = this.of(id);
    Object.assign(task, { state: 'leased', epoch: task.epoch + 1, leaseUntil: this.now() + LEASE_MS });
    const lease = { id, lane: task.lane, epoch: task.epoch };
    this.leases.push(lease);
    if (strategy === 'sequential') this.locks.set(task.lane, lease);
  }

  fail(task: ModelTask, isFinal: boolean): void {
    task.tries += 1;
    task.state = isFinal || task.tries >= MAX_TRIES ? 'failed' : 'scheduled';
    task.availableAt = this.now() + 100;
  }

  /** Time has passed: the sweeps run, first that of the leases. */
  sweep(): void {
    const now = this.now();
    for (const task of this.tasks) {
      const isOver = task.enqueuedAt + TTL_MS <= now;
      if (task.state === 'leased' && task.leaseUntil <= now) {
        task.state = task.tries < RETRIES && !isOver ? 'ready' : 'completed';
        task.tries += 1;
      }
      if (isOver && ['scheduled', 'ready', 'leased'].includes(task.state)) task.state = 'expired';
      if (task.state === 'scheduled' && task.availableAt <= now) task.state = 'ready';
    }
  }
}

function ids(tasks: readonly ModelTask[], size: number): string[] {
  return tasks.slice(0, size).map(({ id }) => id);
}

type Act =
  | { kind: 'put'; lane: number; count: number }
  | { kind: 'take'; strategy: PullStrategy; lanes: number[]; size: number }
  | { kind: 'end'; how: 'complete' | 'fail' | 'give_up' | 'release' | 'heartbeat' | 'cancel'; lease: number }
  | { kind: 'wait'; ms: number };

const ACT: fc.Arbitrary<Act> = fc.oneof(
  fc.record({
    kind: fc.constant('put' as const),
    lane: fc.nat({ max: LANES - 1 }),
    count: fc.integer({ min: 1, max: 4 }),
  }),
  fc.record({
    kind: fc.constant('take' as const),
    strategy: fc.constantFrom(...PULL_STRATEGIES),
    lanes: fc.shuffledSubarray([0, 1, 2], { minLength: 1 }),
    size: fc.integer({ min: 1, max: 5 }),
  }),
  fc.record({
    kind: fc.constant('end' as const),
    how: fc.constantFrom('complete', 'fail', 'give_up', 'release', 'heartbeat', 'cancel'),
    lease: fc.nat({ max: 1_000 }),
  }),
  fc.record({ kind: fc.constant('wait' as const), ms: fc.constantFrom(1, 60, 400, LEASE_MS, TTL_MS / 4) }),
);

/** How often the rare paths were come to, over all runs. */
interface Seen {
  stale: number;
  lost: number;
  expired: number;
  locked: number;
  returned: number;
}

export function exerciseStoreTaskModel(store: TestStore): void {
  it('does in every history what the model does', { timeout: 60_000 }, async () => {
    const seen: Seen = { stale: 0, lost: 0, expired: 0, locked: 0, returned: 0 };
    const history = fc.array(ACT, { minLength: 10, maxLength: 60, size: 'max' });
    await fc.assert(
      fc.asyncProperty(history, async (acts) => {
        await store.clear();
        await new Run(store, seen).all(acts);
      }),
      { numRuns: 60, plugins: [fc.interruptAfterTimeLimit(18_000)] }, // a failure prints its seed and path
    );
    for (const [path, count] of Object.entries(seen)) expect(count, `no history came to: ${path}`).toBeGreaterThan(0);
  });
}

class Run {
  private readonly model: Model;
  private lanes: SeededLane[] = [];

  constructor(
    private readonly store: TestStore,
    private readonly seen: Seen,
  ) {
    this.model = new Model(() => store.clock.now());
  }

  async all(acts: readonly Act[]): Promise<void> {
    const first = await seedLane(this.store, 0);
    this.lanes = [first, await seedLane(this.store, 1, first), await seedLane(this.store, 2, first)];
    for (const act of acts) {
      await this.act(act);
      await this.checkSame();
    }
  }

  private async act(act: Act): Promise<void> {
    if (act.kind === 'put') await this.put(act.lane, act.count);
    if (act.kind === 'take') await this.take(act.strategy, act.lanes, act.size);
    if (act.kind === 'wait') await this.wait(act.ms);
    const { leases } = this.model;
    if (act.kind === 'end' && leases.length > 0) await this.end(act.how, leases[act.lease % leases.length]!);
  }

  private async put(lane: number, count: number): Promise<void> {
    const tasks = Array.from({ length: count }, () => newTask(this.lanes[lane]!, { ttlMs: TTL_MS }));
    await this.store.singles.put(tasks);
    const now = this.store.clock.now();
    for (const { id } of tasks) {
      const fresh = { state: 'ready' as const, epoch: 0, tries: 0, enqueuedAt: now, availableAt: 0, leaseUntil: 0 };
      this.model.tasks.push({ id, lane, ...fresh, isAnswered: false });
    }
  }

  private async take(strategy: PullStrategy, lanes: readonly number[], size: number): Promise<void> {
    const expected = this.model.choose(strategy, lanes, size);
    if (strategy === 'sequential' && lanes.some((lane) => this.model.locks.has(lane))) this.seen.locked += 1;
    if (expected.some((id) => this.model.of(id).epoch > 0)) this.seen.returned += 1;
    const options = { strategy, size, leaseMs: LEASE_MS, leaseRetries: RETRIES };
    const taken = await take(
      this.store,
      lanes.map((lane) => this.lanes[lane]!),
      options,
    );
    assert.deepEqual(
      taken.map(({ id }) => id),
      expected,
    );
    for (const id of expected) this.model.lease(id, strategy);
    for (const { id, epoch } of taken) assert.equal(epoch, this.model.of(id).epoch);
  }

  private async end(
    how: (Act & { kind: 'end' })['how'],
    lease: { id: string; lane: number; epoch: number },
  ): Promise<void> {
    const lane = this.lanes[lease.lane]!;
    const task = this.model.of(lease.id);
    const isHeld = this.model.holds(lease);
    if (!isHeld) this.seen.stale += 1;
    if (how === 'cancel') {
      const { outcomes } = await this.store.singles.cancel([
        { key: { id: task.id }, tenantSeq: lane.tenantSeq, by: null },
      ]);
      const isLive = ['scheduled', 'ready', 'leased'].includes(task.state);
      assert.deepEqual(outcomes, [isLive ? 'cancelled' : 'ended_before']);
      if (isLive) task.state = 'cancelled';
      return;
    }
    const verdict = await this.say(how, lease, lane);
    const isRepeated = how === 'complete' && task.isAnswered && task.epoch === lease.epoch;
    if (isHeld) assert.equal(verdict, 'done');
    else assert.equal(verdict, isRepeated ? 'repeated' : 'lost');
    if (!isHeld) return;
    if (how === 'complete') Object.assign(task, { state: 'completed', tries: task.tries + 1, isAnswered: true });
    if (how === 'release') task.state = 'ready';
    if (how === 'heartbeat') task.leaseUntil = this.store.clock.now() + LEASE_MS;
    if (how === 'fail' || how === 'give_up') this.model.fail(task, how === 'give_up');
  }

  private async say(how: string, lease: { id: string; epoch: number }, lane: SeededLane): Promise<string | undefined> {
    const { pull } = this.store;
    if (how === 'complete') return (await pull.complete([completionOf(lease, lane)])).outcomes[0];
    if (how === 'release') return (await pull.release([claimOf(lease, lane)])).outcomes[0];
    if (how === 'heartbeat') return (await pull.heartbeat({ claims: [claimOf(lease, lane)], worker: null }))[0];
    const failure = { retryAfterMs: 100, isFinal: how === 'give_up', defaultMaxTries: MAX_TRIES };
    return (await pull.fail([failureOf(lease, lane, failure)])).outcomes[0];
  }

  private async wait(ms: number): Promise<void> {
    this.store.clock.advance(ms);
    const isOverdue = await this.store.pull.hasOverdue();
    if (isOverdue) this.seen.lost += 1;
    await this.store.pull.endOverdue(MAX_TRIES);
    if (await this.store.pull.hasExpired()) this.seen.expired += 1;
    await this.store.pull.expire();
    await this.store.tasks.promote();
    this.model.sweep();
  }

  private async checkSame(): Promise<void> {
    const rows = await this.store.reader.find(TaskRow, { order: { seq: 'asc' } });
    const seen = rows.map(({ id, state, epoch, tries }) => ({ id, state: TASK_STATES[state], epoch, tries }));
    const expected = this.model.tasks.map(({ id, state, epoch, tries }) => ({ id, state, epoch, tries }));
    assert.deepEqual(seen, expected);
  }
}
