import { describe, expect, it } from 'vitest';
import { timeLeftOf } from './single-task.js';

const NOW = 1_800_000_000_000;

describe('the time that is left for another try', () => {
  it.each(['blocking', 'streaming'] as const)('ends before the wait of who is on the line (%s)', (mode) => {
    // A wait of 3 s, which the task outlives by one.
    const task = { mode, expiresAt: NOW + 4_000 };
    expect(timeLeftOf(task, NOW + 2_700)).toBeGreaterThan(0);
    expect(timeLeftOf(task, NOW + 2_800)).toBeLessThan(0);
  });

  it('is all that the task has where nobody waits', () => {
    expect(timeLeftOf({ mode: 'callback', expiresAt: NOW + 4_000 }, NOW + 2_800)).toBe(1_200);
    expect(timeLeftOf({ mode: 'callback', expiresAt: null }, NOW)).toBe(Number.POSITIVE_INFINITY);
  });
});
