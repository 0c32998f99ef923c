import { describe, expect, it } from 'vitest';
import { Pace } from './pace.js';

describe('Pace', () => {
  it('knows nothing before there are two moments to compare', () => {
    const pace = new Pace(100);
    expect([pace.perSecond(), pace.secondsLeft()]).toEqual([0, null]);
    pace.note(5, 1_000);
    expect([pace.perSecond(), pace.secondsLeft()]).toEqual([0, null]);
  });

  it('tells the rate and the time that is left', () => {
    const pace = new Pace(100);
    pace.note(0, 1_000);
    pace.note(20, 3_000);
    expect([pace.perSecond(), pace.secondsLeft()]).toEqual([10, 8]);
  });

  it('forgets how slow the beginning was', () => {
    const pace = new Pace(1_000);
    for (const [done, at] of [
      [0, 0],
      [1, 10_000],
      [101, 11_000],
      [301, 13_000],
    ] as const)
      pace.note(done, at);
    expect(pace.perSecond()).toBe(100);
  });

  it('does not guess when nothing moves, and is done when all is', () => {
    const pace = new Pace(10);
    pace.note(4, 0);
    pace.note(4, 9_000);
    expect(pace.secondsLeft()).toBeNull();
    pace.note(10, 9_500);
    expect(pace.secondsLeft()).toBe(0);
  });
});
