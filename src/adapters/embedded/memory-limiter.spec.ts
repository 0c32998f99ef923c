import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeClock } from '../../../test/support/fake-clock.js';
import { FakeTime } from '../../../test/support/fake-time.js';
import { Inbox, settle } from '../../../test/support/inbox.js';
import { SystemClock } from '../../kernel/clock.js';
import type { PermitLimits } from '../../ports/limiter.js';
import { MemoryLimiter } from './memory-limiter.js';

const KEY = 'up_1';
const DAY_MS = 86_400_000;
const TEN: PermitLimits = { concurrency: 10, perMinute: null };

describe('MemoryLimiter', () => {
  let time: FakeTime;
  let limiter: MemoryLimiter;
  let freed: Inbox<string>;
  let errors: Inbox<unknown>;

  beforeEach(() => {
    time = FakeTime.start();
    freed = new Inbox();
    errors = new Inbox();
    limiter = new MemoryLimiter({ clock: time.clock, onError: errors.add });
    limiter.freed.subscribe(freed.add);
  });

  afterEach(() => {
    limiter.close();
    time.stop();
  });

  describe('freed', () => {
    it('is told once for all permits that come back in one turn', async () => {
      await limiter.acquire(KEY, 0, 100, TEN);
      for (let count = 0; count < 10; count += 1) {
        limiter.release(KEY, 1);
        await limiter.acquire(KEY, 0, 2, TEN);
      }
      await settle();
      expect(freed.items).toEqual([KEY]);
    });

    it('is not told when nobody got less than asked for', async () => {
      await limiter.acquire(KEY, 0, 10, TEN);
      limiter.release(KEY, 10);
      await settle();
      expect(freed.items).toEqual([]);
    });

    it('is not told again to one who then got all that was asked for', async () => {
      await limiter.acquire(KEY, 0, 100, TEN);
      limiter.release(KEY, 5);
      await freed.first(1);
      await limiter.acquire(KEY, 0, 5, TEN);
      limiter.release(KEY, 5);
      await settle();
      expect(freed.items).toEqual([KEY]);
    });

    it('is told to a level that must yield when it need not any more, not before', async () => {
      await limiter.acquire(KEY, 0, 10, TEN);
      await limiter.acquire(KEY, 0, 1, TEN);
      limiter.release(KEY, 1);
      await freed.first(1);
      await limiter.acquire(KEY, 1, 1, TEN);
      await time.advance(199);
      await settle();
      expect(await limiter.acquire(KEY, 5, 1, TEN)).toBe(0);
      expect(freed.items).toEqual([KEY]);
      await time.advance(1);
      expect(await freed.first(2)).toEqual([KEY, KEY]);
      expect(await limiter.acquire(KEY, 1, 1, TEN)).toBe(1);
    });

    it('is not told while a lowered limit is still exceeded', async () => {
      await limiter.acquire(KEY, 0, 10, TEN);
      await limiter.acquire(KEY, 0, 1, { concurrency: 2, perMinute: null });
      limiter.release(KEY, 8);
      await settle();
      expect(freed.items).toEqual([]);
      limiter.release(KEY, 1);
      expect(await freed.first(1)).toEqual([KEY]);
    });

    it('is told at the end of a pause that is longer than a timer can be', async () => {
      limiter.pause(KEY, time.clock.now() + 40 * DAY_MS);
      await time.advance(40 * DAY_MS - 1);
      await settle();
      expect(freed.items).toEqual([]);
      await time.advance(1);
      expect(await freed.first(1)).toEqual([KEY]);
    });

    it('is told by a release if all permits were out at the end of the pause', async () => {
      await limiter.acquire(KEY, 0, 10, TEN);
      limiter.pause(KEY, time.clock.now() + 1_000);
      await time.advance(1_000);
      await settle();
      expect(freed.items).toEqual([]);
      limiter.release(KEY, 1);
      expect(await freed.first(1)).toEqual([KEY]);
    });

    it('reports a listener that throws', async () => {
      limiter.freed.subscribe(() => {
        throw new Error('no ears');
      });
      await limiter.acquire(KEY, 0, 100, TEN);
      limiter.release(KEY, 1);
      expect(await errors.first(1)).toEqual([new Error('no ears')]);
      expect(freed.items).toEqual([KEY]);
    });
  });

  describe('timers', () => {
    it('are none while permits are only taken and given back', async () => {
      await limiter.acquire(KEY, 0, 100, TEN);
      await limiter.acquire(KEY, 0, 1, TEN);
      limiter.release(KEY, 10);
      expect(time.timers()).toBe(0);
    });

    it('are one for each key that opens by itself', async () => {
      for (const key of ['up_1', 'up_2']) {
        const limits = { concurrency: 10, perMinute: 5 };
        await limiter.acquire(key, 0, 100, limits);
        await limiter.acquire(key, 1, 100, limits);
        limiter.pause(key, time.clock.now() + 1_000);
        limiter.pause(key, time.clock.now() + 120_000);
        await limiter.acquire(key, 2, 100, limits);
        limiter.release(key, 5);
      }
      expect(time.timers()).toBe(2);
      await time.advance(120_000);
      await settle();
      expect(freed.items).toEqual(['up_1', 'up_2']);
      expect(time.timers()).toBe(0);
    });

    it('are set anew when the key opens earlier than it seemed', async () => {
      const slow = { concurrency: 10, perMinute: 1 };
      await limiter.acquire(KEY, 0, 1, slow);
      await limiter.acquire(KEY, 0, 1, slow);
      await limiter.acquire(KEY, 1, 1, TEN);
      expect(time.timers()).toBe(1);
      await time.advance(200);
      expect(await freed.first(1)).toEqual([KEY]);
      expect(time.timers()).toBe(0);
    });

    it('do not keep the process alive', () => {
      time.stop();
      const real = new MemoryLimiter({ clock: new SystemClock(), onError: errors.add });
      const before = process.getActiveResourcesInfo();
      real.pause(KEY, Date.now() + 60_000);
      expect(process.getActiveResourcesInfo()).toEqual(before);
      real.close();
    });

    it('end when it closes, and so does freed', async () => {
      const completed = new Inbox<string>();
      limiter.freed.subscribe({ complete: () => completed.add('done') });
      limiter.pause(KEY, time.clock.now() + 1_000);
      limiter.close();
      limiter.pause(KEY, time.clock.now() + 2_000);
      expect(completed.items).toEqual(['done']);
      expect(time.timers()).toBe(0);
    });
  });

  it('is not confused by a pause until no time at all', async () => {
    limiter.pause(KEY, Number.NaN);
    expect(await limiter.acquire(KEY, 0, 1, TEN)).toBe(1);
    limiter.pause(KEY, time.clock.now() + 1_000);
    expect(await limiter.acquire(KEY, 0, 1, TEN)).toBe(0);
  });

  it('uncounts permits from the rate that come back unused', async () => {
    const limits = { concurrency: 100, perMinute: 10 };
    expect(await limiter.acquire(KEY, 0, 100, limits)).toBe(10);
    limiter.release(KEY, 7, 7);
    expect(await limiter.acquire(KEY, 0, 100, limits)).toBe(7);
    limiter.release(KEY, 10);
    expect(await limiter.acquire(KEY, 0, 100, limits)).toBe(0);
  });

  it('holds its limits through any course of things', async () => {
    const step = fc.record({
      kind: fc.constantFrom('acquire', 'acquire', 'release', 'pause'),
      waitMs: fc.oneof(fc.constant(0), fc.nat({ max: 300 }), fc.nat({ max: 30_000 })),
      level: fc.nat({ max: 9 }),
      count: fc.integer({ min: 1, max: 8 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 80 }), async (steps) => {
        await expectLimitsHold(steps, { concurrency: 6, perMinute: 15 });
      }),
    );
  });
});

interface Step {
  kind: string;
  waitMs: number;
  level: number;
  count: number;
}

async function expectLimitsHold(steps: readonly Step[], limits: PermitLimits): Promise<void> {
  const clock = new FakeClock();
  const limiter = new MemoryLimiter({ clock, onError: () => {} });
  const given: Array<{ at: number; count: number }> = [];
  let [out, pausedUntil] = [0, 0];
  for (const { kind, waitMs, level, count } of steps) {
    clock.advance(waitMs);
    const now = clock.now();
    if (kind === 'pause') {
      limiter.pause(KEY, now + waitMs);
      pausedUntil = Math.max(pausedUntil, now + waitMs);
    } else if (kind === 'release') {
      const back = Math.min(count, out);
      limiter.release(KEY, back);
      out -= back;
    } else {
      const granted = await limiter.acquire(KEY, level, count, limits);
      if (now < pausedUntil) expect(granted).toBe(0);
      out += granted;
      given.push({ at: now, count: granted });
    }
    expect(await limiter.inUse(KEY)).toBe(out);
    expect(out).toBeLessThanOrEqual(limits.concurrency);
    const lastMinute = given.filter(({ at }) => now - at < 60_000).reduce((sum, gift) => sum + gift.count, 0);
    expect(lastMinute).toBeLessThanOrEqual(limits.perMinute!);
  }
  limiter.close();
}
