/** Numbers as people read them. */
import { formatSize } from '../config/units.js';
import { wordFor } from '../kernel/counted.js';

const KIB = 1024;
const UNITS = ['KiB', 'MiB', 'GiB', 'TiB'] as const;

/** Such as `12 B` or `3.4 GiB`: short rather than exact. */
export function showBytes(bytes: number): string {
  if (bytes < KIB) return `${bytes} B`;
  const power = Math.min(UNITS.length, Math.floor(Math.log2(bytes) / 10));
  const value = bytes / KIB ** power;
  return `${value >= 100 ? Math.round(value) : value.toFixed(1)} ${UNITS[power - 1]}`;
}

/** A limit as it is written in the settings, such as `512MiB`. */
export const showLimit = formatSize;

/** Such as `4 s`, `12 min`, `3 h` or `9 d`. */
export function showSpan(ms: number): string {
  const steps = [
    ['d', 86_400_000],
    ['h', 3_600_000],
    ['min', 60_000],
  ] as const;
  for (const [unit, size] of steps) if (ms >= 2 * size) return `${Math.floor(ms / size)} ${unit}`;
  return `${Math.max(0, Math.floor(ms / 1000))} s`;
}

/** How long ago `seconds` since 1970 were, such as `3 h ago`; a dash for null. */
export function showAge(seconds: number | null, now = Date.now()): string {
  return seconds === null ? '-' : `${showSpan(now - seconds * 1000)} ago`;
}

/** Whole numbers in groups of three digits: `50,000`. */
export function showCount(count: number): string {
  return count.toLocaleString('en-US');
}

/** `1 line`, `2 lines`; `several` where the noun takes no plain s. */
export function counted(count: number, noun: string, several = `${noun}s`): string {
  return `${showCount(count)} ${wordFor(count, noun, several)}`;
}
