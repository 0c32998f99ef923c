import { describe, expect, it } from 'vitest';
import { counted, showAge, showBytes, showSpan } from './figures.js';

describe('figures', () => {
  it.each([
    [0, '0 B'],
    [1_023, '1023 B'],
    [1_024, '1.0 KiB'],
    [150 * 1_024, '150 KiB'],
    [3.5 * 2 ** 30, '3.5 GiB'],
    [5_000 * 2 ** 40, '5000 TiB'],
  ])('%i bytes are %s', (bytes, text) => {
    expect(showBytes(bytes)).toBe(text);
  });

  it.each([
    [-5, '0 s'],
    [119_999, '119 s'],
    [120_000, '2 min'],
    [7_200_000, '2 h'],
    [200_000_000, '2 d'],
  ])('%i ms are %s', (ms, text) => {
    expect(showSpan(ms)).toBe(text);
  });

  it('tells ages and counts', () => {
    expect([showAge(null), showAge(100, 130_000)]).toEqual(['-', '30 s ago']);
    expect([counted(1, 'line'), counted(50_000, 'line'), counted(2, 'batch', 'batches')]).toEqual([
      '1 line',
      '50,000 lines',
      '2 batches',
    ]);
  });
});
