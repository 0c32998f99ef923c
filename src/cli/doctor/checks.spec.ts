import { describe, expect, it } from 'vitest';
import { checkClock } from './check-clock.js';
import { judgeDisk } from './check-folder.js';

describe('the disk', () => {
  it.each([
    [100, 101, 'failed'],
    [100, 100, 'warning'],
    [199, 100, 'warning'],
    [200, 100, 'ok'],
    [0, 0, 'ok'],
  ])('with %i bytes free of %i needed is %s', (free, needed, status) => {
    expect(judgeDisk(free, needed).status).toBe(status);
  });
});

describe('the clock', () => {
  const NOW = 1_790_000_000_000;
  it.each([
    ['steady', NOW, NOW, 'ok'],
    ['a little behind the store', NOW, NOW + 1_000, 'ok'],
    ['set back by an hour', NOW, NOW + 3_600_000, 'failed'],
    ['set while we looked', NOW + 60_000, NOW, 'warning'],
  ])('%s', (_, steadyAt, storeAt, status) => {
    expect(checkClock({ wallAt: NOW, steadyAt, storeAt }).status).toBe(status);
  });
});
