import { Subject } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeTime } from '../../../test/support/fake-time.js';
import { settle } from '../../../test/support/inbox.js';
import type { EventBus } from '../../ports/event-bus.js';
import type { PullStore } from '../../store/pull.store.js';
import type { AppLogger } from '../../telemetry/logger.js';
import { TakeWaiters, type TakeTicket, type Wanted } from './take-waiters.js';

describe('TakeWaiters', () => {
  let time: FakeTime;
  let ready: Subject<{ laneSeq: number; count: number | null }>;
  let withReady: number[];
  let looks: (readonly number[])[];
  let waiters: TakeWaiters;
  let woken: string[];

  beforeEach(() => {
    time = FakeTime.start();
    ready = new Subject();
    [withReady, looks, woken] = [[], [], []];
    const store = {
      lanesWithReady: async (lanes: readonly number[]) => {
        looks.push(lanes);
        return withReady.filter((lane) => lanes.includes(lane));
      },
    };
    const events = { on: () => ready };
    waiters = new TakeWaiters(
      store as unknown as PullStore,
      events as unknown as EventBus,
      time.clock,
      {} as unknown as AppLogger,
    );
    waiters.onModuleInit();
  });
  afterEach(() => {
    waiters.onModuleDestroy();
    time.stop();
  });

  const join = (laneSeqs: number[], waitMs = 10_000, over: Partial<Wanted> = {}): TakeTicket =>
    waiters.join({ laneSeqs, strategy: 'fifo', minAgeMs: 0, ...over }, waitMs);

  function wait(name: string, lanes: number[], waitMs = 10_000, over: Partial<Wanted> = {}): TakeTicket {
    const ticket = join(lanes, waitMs, over);
    void waitAgain(name, ticket);
    return ticket;
  }

  async function waitAgain(name: string, ticket: TakeTicket): Promise<void> {
    woken.push((await ticket.woken()) ? name : `${name}: over`);
  }

  async function put(laneSeq: number, count: number | null): Promise<void> {
    ready.next({ laneSeq, count });
    await settle();
  }

  it('wakes as many as there are tasks, those that have waited longest first', async () => {
    for (const name of ['a', 'b', 'c', 'd']) wait(name, [1]);
    await put(1, 2);
    expect(woken).toEqual(['a', 'b']);
    await put(2, 5);
    expect(woken).toEqual(['a', 'b']);
  });

  it('wakes all when nobody knows how many there are', async () => {
    for (const name of ['a', 'b', 'c']) wait(name, [1, 2]);
    await put(2, null);
    expect(woken).toEqual(['a', 'b', 'c']);
  });

  it('keeps the place of one who tries and finds nothing', async () => {
    const first = wait('a', [1]);
    wait('b', [1]);
    await put(1, 1);
    waiters.tookNothing(first);
    void waitAgain('a again', first);
    await put(1, 1);
    expect(woken).toEqual(['a', 'a again']);
  });

  it('lets one try again at once for whom something came while he tried', async () => {
    const ticket = join([1]);
    await put(1, 1);
    expect(await ticket.woken()).toBe(true);
  });

  it('wakes those who wait before those who are trying', async () => {
    join([1]);
    wait('b', [1]);
    await put(1, 1);
    expect(woken).toEqual(['b']);
  });

  it('lets the next one try when one who was woken goes without having tried', async () => {
    const first = wait('a', [1, 2]);
    for (const [name, lane] of [
      ['b', 1],
      ['c', 1],
      ['d', 2],
    ] as const)
      wait(name, [lane]);
    await put(1, 1);
    waiters.leave(first);
    waiters.leave(first);
    await settle();
    expect(woken).toEqual(['a', 'b']);
  });

  it('lets the next one try when one who was woken has got tasks of another lane only', async () => {
    const first = wait('a', [1, 2]);
    wait('b', [1]);
    await put(1, 1);
    first.took([2]);
    waiters.leave(first);
    await settle();
    expect(woken).toEqual(['a', 'b']);
  });

  it('lets nobody else try when one who was woken has got what he was woken for, or nothing', async () => {
    const [first, second] = [wait('a', [1]), wait('b', [1])];
    wait('c', [1]);
    await put(1, 2);
    first.took([1]);
    waiters.leave(first);
    waiters.tookNothing(second);
    waiters.leave(second);
    await settle();
    expect(woken).toEqual(['a', 'b']);
  });

  it('lets the next one try for what came while one who leaves was trying', async () => {
    const only = join([1]);
    await put(1, 1);
    wait('b', [1]);
    only.took([1]); // a task from before
    waiters.leave(only);
    await settle();
    expect(woken).toEqual(['b']);
  });

  it('passes over those who may not have what is new, until a look finds something for them', async () => {
    wait('a', [1], 10_000, { minAgeMs: 1_000 });
    wait('b', [1]);
    await put(1, 1);
    expect(woken).toEqual(['b']);
    withReady = [1];
    await time.advance(1_100);
    expect(woken).toEqual(['b', 'a']);
  });

  it('lets one try who does not mind the lock when one who does has found nothing', async () => {
    const [first, second] = [1, 2].map((n) => wait(`in sequence ${n}`, [1], 10_000, { strategy: 'sequential' }));
    wait('b', [1]);
    await put(1, 1);
    waiters.tookNothing(first!);
    await settle();
    expect(woken).toEqual(['in sequence 1', 'b']);
    waiters.tookNothing(second!);
    await settle();
    expect(woken).toHaveLength(2);
  });

  it('passes over those who have left', async () => {
    waiters.leave(wait('a', [1]));
    wait('b', [1]);
    await put(1, 1);
    expect(woken).toEqual(['a: over', 'b']);
  });

  it('ends a wait when its time is over', async () => {
    wait('a', [1], 500);
    wait('b', [1], 5_000);
    await time.advance(499);
    expect(woken).toEqual([]);
    await time.advance(101);
    expect(woken).toEqual(['a: over']);
    expect(await join([1], 0).woken()).toBe(false);
  });

  it('finds within a second or so what no event told of, with one look for all', async () => {
    for (let n = 0; n < 100; n += 1) wait(`w${n}`, [n % 3]);
    withReady = [1];
    await time.advance(1_100);
    expect(woken.length).toBeGreaterThan(0);
    expect(woken.every((name) => Number(name.slice(1)) % 3 === 1)).toBe(true);
    expect(looks.length).toBeLessThanOrEqual(2);
    expect(time.timers()).toBe(1);
  });

  it('has no timer when nobody waits', async () => {
    const ticket = wait('a', [1]);
    expect(time.timers()).toBe(1);
    waiters.leave(ticket);
    await time.advance(200);
    expect(time.timers()).toBe(0);
    expect(waiters.count).toBe(0);
  });

  it('sends everybody home when the server stops', async () => {
    wait('a', [1]);
    waiters.onModuleDestroy();
    await settle();
    expect(woken).toEqual(['a: over']);
    expect(await join([1], 1_000).woken()).toBe(false);
  });
});
