import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RateWindow, WINDOW_MS } from './rate-window.js';

const BUCKET_MS = 100;

describe('RateWindow', () => {
  it('forgets what is a minute old', () => {
    const window = new RateWindow();
    window.add(3, 0);
    window.add(2, 30_000);
    expect(window.used(59_999)).toBe(5);
    expect(window.used(60_000)).toBe(2);
    expect(window.used(90_000)).toBe(0);
  });

  it('counts a bucket as given at its last permit', () => {
    const window = new RateWindow();
    window.add(1, 0);
    window.add(1, 99);
    expect(window.used(60_098)).toBe(2);
    expect(window.used(60_099)).toBe(0);
  });

  it('knows when it opens', () => {
    const window = new RateWindow();
    expect(window.opensAt(1, 5)).toBe(5);
    window.add(2, 0);
    window.add(2, 10_000);
    expect(window.opensAt(5, 20_000)).toBe(20_000);
    expect(window.opensAt(4, 20_000)).toBe(60_000);
    expect(window.opensAt(3, 20_000)).toBe(60_000);
    expect(window.opensAt(2, 20_000)).toBe(70_000);
    expect(window.opensAt(0, 20_000)).toBeNull();
  });

  it('takes back what was just given, and nothing older', () => {
    const window = new RateWindow();
    window.add(5, 0);
    window.add(5, 10_000);
    window.takeBack(8, 10_010);
    expect(window.used(10_010)).toBe(5);
    window.takeBack(1, 10_010);
    expect(window.used(10_010)).toBe(5);
    window.add(4, 10_020);
    window.takeBack(3, 10_020);
    expect(window.used(10_020)).toBe(6);
    expect(window.used(60_000)).toBe(1);
  });

  it('never counts less than the last minute held, nor more than a tenth of a second beyond it', () => {
    const steps = fc.array(
      fc.record({ wait: fc.nat({ max: 20_000 }), quick: fc.boolean(), count: fc.nat({ max: 9 }) }),
      {
        maxLength: 120,
      },
    );
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 40 }), (gifts, limit) => {
        const window = new RateWindow();
        const given: Array<{ at: number; count: number }> = [];
        let now = 0;
        const givenWithin = (spanMs: number) =>
          given.filter(({ at }) => now - at < spanMs).reduce((sum, { count }) => sum + count, 0);
        for (const { wait, quick, count } of gifts) {
          now += quick ? wait % 50 : wait;
          window.add(count, now);
          given.push({ at: now, count });
          expect(window.used(now)).toBeGreaterThanOrEqual(givenWithin(WINDOW_MS));
          expect(window.used(now)).toBeLessThanOrEqual(givenWithin(WINDOW_MS + BUCKET_MS));
        }
        const opensAt = window.opensAt(limit, now)!;
        if (opensAt > now) expect(window.used(opensAt - 1)).toBeGreaterThanOrEqual(limit);
        expect(window.used(opensAt)).toBeLessThan(limit);
      }),
    );
  });
});
