import { describe, expect, it } from 'vitest';
import { readByteRange } from './byte-range.js';

describe('a range of 10 bytes', () => {
  it.each([
    ['bytes=0-0', { start: 0, end: 1 }],
    ['bytes=2-4', { start: 2, end: 5 }],
    ['bytes=9-', { start: 9, end: 10 }],
    ['bytes=-4', { start: 6, end: 10 }],
    ['bytes=5-100', { start: 5, end: 10 }],
    ['bytes=0-4,3-6', { start: 0, end: 7 }],
    ['bytes=10-', 'unsatisfiable'],
    ['bytes=4-2', 'unsatisfiable'],
    ['bytes=0-1,5-6', null],
    ['items=0-1', null],
    ['bytes', null],
    ['', null],
    [undefined, null],
  ])('%j is %j', (header, range) => {
    expect(readByteRange(header, 10)).toEqual(range);
  });

  it('cannot be had of nothing', () => {
    expect(readByteRange('bytes=0-', 0)).toBe('unsatisfiable');
  });
});
