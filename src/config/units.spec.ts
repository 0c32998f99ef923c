import { describe, expect, it } from 'vitest';
import { formatSize, formatSpan, parseSize, parseSpan } from './units.js';

describe('sizes', () => {
  it.each([
    ['0', 0],
    ['1024', 1024],
    ['7B', 7],
    ['200MB', 200_000_000],
    ['512MiB', 536_870_912],
    ['512 mib', 536_870_912],
    ['1KiB', 1024],
    ['2GB', 2_000_000_000],
    ['1TiB', 1_099_511_627_776],
  ])('%s is %i bytes', (text, bytes) => expect(parseSize(text)).toBe(bytes));

  it.each(['', ' ', '-1', '1.5MiB', '1e3', '10M', 'MiB', '1  MiB', '1MiB2', '50,000', '0x10', '9999999TiB', 'NaN'])(
    "'%s' is not a size",
    (text) => expect(parseSize(text)).toBeNaN(),
  );

  it.each([
    [0, '0B'],
    [1, '1B'],
    [1_500, '1500B'],
    [1_024, '1KiB'],
    [256 * 2 ** 20, '256MiB'],
    [2 ** 40, '1TiB'],
  ])('%i bytes are written %s', (bytes, text) => {
    expect(formatSize(bytes)).toBe(text);
    expect(parseSize(text)).toBe(bytes);
  });
});

describe('spans', () => {
  it.each([
    ['500ms', 500],
    ['0s', 0],
    ['60s', 60_000],
    ['10m', 600_000],
    ['24h', 86_400_000],
    ['30d', 2_592_000_000],
    ['30 D', 2_592_000_000],
  ])('%s is %i ms', (text, ms) => expect(parseSpan(text)).toBe(ms));

  it.each(['', '30', '1.5h', '-1s', '1w', 's', '10 minutes', '1h30m', '99999999999999d'])(
    "'%s' is not a span",
    (text) => expect(parseSpan(text)).toBeNaN(),
  );

  it.each([
    [0, '0ms'],
    [1, '1ms'],
    [60_000, '1m'],
    [90_000, '90s'],
    [86_400_000, '1d'],
  ])('%i ms are written %s', (ms, text) => {
    expect(formatSpan(ms)).toBe(text);
    expect(parseSpan(text)).toBe(ms);
  });
});
