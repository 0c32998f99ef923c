import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../../test/support/fake-clock.js';
import type { QueueStore, StoredLane } from '../../store/queue.store.js';
import { createLogger } from '../../telemetry/logger.js';
import { LaneRates } from './lane-rates.js';

describe('the rate of a lane', () => {
  const lane = (seq: number, completedCount: number) =>
    ({ seq, completedCount, takenCount: 2 * completedCount, putCount: 3 * completedCount }) as StoredLane;

  function setUp() {
    const clock = new FakeClock();
    const lanes: StoredLane[] = [lane(1, 500)];
    const store = {
      lanes: () => Promise.resolve(lanes.map((row) => lane(row.seq, row.completedCount))),
    } as unknown as QueueStore;
    const rates = new LaneRates(store, clock, createLogger({ level: 'silent', format: 'json' }));
    const complete = (count: number) => (lanes[0]!.completedCount += count);
    return { clock, lanes, rates, complete, rate: () => rates.of(lanes[0]!).completedPerSecond };
  }

  it('is nothing before anything is known', () => {
    expect(setUp().rate()).toBe(0);
  });

  it('leaves out what was completed before this server started', async () => {
    const { rates, rate } = setUp();
    await rates.sample();
    expect(rate()).toBe(0);
  });

  it('counts from the oldest sample, and then from a minute ago', async () => {
    const { clock, rates, complete, rate } = setUp();
    await rates.sample();
    clock.advance(10_000);
    complete(20);
    expect(rate()).toBe(2);
    for (let second = 10; second < 100; second += 5) {
      await rates.sample();
      clock.advance(5_000);
      complete(5);
    }
    expect(rate()).toBe(1); // the 20 are more than a minute old
    clock.advance(60_001);
    expect(rate()).toBe(0);
  });

  it('is no burst because the server has just started', async () => {
    const { clock, rates, complete, rate } = setUp();
    await rates.sample();
    clock.advance(10);
    complete(50);
    expect(rate()).toBe(50);
  });

  it('of a new lane counts from its beginning', async () => {
    const { clock, lanes, rates } = setUp();
    await rates.sample();
    lanes.push(lane(2, 30));
    clock.advance(10_000);
    expect(rates.of(lanes[1]!)).toEqual({ putPerSecond: 9, takenPerSecond: 6, completedPerSecond: 3 });
  });
});
