import { expect, it } from 'vitest';
import { counted } from './counted.js';

it('counts in words for one and for many', () => {
  expect([0, 1, 2, 1_000].map((count) => counted(count, 'task'))).toEqual([
    '0 tasks',
    '1 task',
    '2 tasks',
    '1000 tasks',
  ]);
  expect([1, 2].map((count) => counted(count, 'batch', 'batches'))).toEqual(['1 batch', '2 batches']);
});
