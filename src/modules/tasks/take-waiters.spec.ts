import { Subject } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeTime } from '../../../test/support/fake-time.js';
import { settle } from '../../../test/support/inbox.js';
import type { EventBus } from '../../ports/event-bus.js';
import type { PullStore } from '../../store/pull.store.js';
import type { AppLogger } from '../../telemetry/logger.js';
import { TakeWaiters, type TakeTicket } from './take-waiters.js';

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

  function wait(name: string, lanes: number[], waitMs = 10_000): TakeTicket {
    const ticket = waiters.join(lanes, waitMs);
    void ticket.woken().then((isWoken) => woken.push(isWoken ? name : `${name}: over`));
    return ticket;
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
    void first.woken().then(() => woken.push('a again'));
    await put(1, 1);
    expect(woken).toEqual(['a', 'a again']);
  });

  it('lets one try again at once for whom something came while he tried', async () => {
    const ticket = waiters.join([1], 10_000);
    await put(1, 1);
    expect(await ticket.woken()).toBe(true);
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
    expect(await waiters.join([1], 0).woken()).toBe(false);
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
    expect(await waiters.join([1], 1_000).woken()).toBe(false);
  });
});
