import { MillraceError } from './errors.js';

const UNIT_MS = { m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
export const MIN_WINDOW_MS = UNIT_MS.m;
export const MAX_WINDOW_MS = 30 * UNIT_MS.d;

/** OpenAI knows only `24h`; we take `<n>m`, `<n>h` or `<n>d` from one minute to thirty days. Returns milliseconds. */
export function parseCompletionWindow(text: string): number {
  const match = /^([1-9]\d{0,5})([mhd])$/.exec(text);
  const windowMs = match ? Number(match[1]) * UNIT_MS[match[2] as keyof typeof UNIT_MS] : Number.NaN;
  if (!(windowMs >= MIN_WINDOW_MS && windowMs <= MAX_WINDOW_MS)) {
    throw new MillraceError(
      'invalid_value',
      `Invalid value: '${text}'. Supported values are: '24h', or any '<n>m', '<n>h' or '<n>d' from 1m to 30d.`,
      { param: 'completion_window' },
    );
  }
  return windowMs;
}
