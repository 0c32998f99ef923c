/** How people write sizes (`512MiB`) and spans (`30s`), and the bytes and milliseconds they mean. */
const BINARY_UNITS = { B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 };
const SIZE_UNITS = { ...BINARY_UNITS, KB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12 };
const SPAN_UNITS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

export const MiB = BINARY_UNITS.MiB;
export const DAY_MS = SPAN_UNITS.d;

/** `512MiB`, `200 MB`, or a bare number of bytes; capitals do not matter. Bytes, or NaN when it is none of these. */
export function parseSize(text: string): number {
  return parse(/^\d+$/.test(text) ? `${text}B` : text, SIZE_UNITS);
}

/** `500ms`, `60s`, `10m`, `24h` or `30d`. Milliseconds, or NaN; the unit is a must, since a bare `30` invites mistakes. */
export function parseSpan(text: string): number {
  return parse(text, SPAN_UNITS);
}

/** In the largest binary unit that divides it: 1048576 is `1MiB`, 1500 is `1500B`. */
export function formatSize(bytes: number): string {
  return format(bytes, BINARY_UNITS);
}

/** In the largest unit that divides it: 60000 is `1m`, 90000 is `90s`. */
export function formatSpan(ms: number): string {
  return format(ms, SPAN_UNITS);
}

function parse(text: string, units: Record<string, number>): number {
  const match = /^(\d+) ?([a-z]+)$/i.exec(text);
  const unit = Object.keys(units).find((name) => name.toLowerCase() === match?.[2]?.toLowerCase());
  const value = match && unit ? Number(match[1]) * units[unit]! : Number.NaN;
  return Number.isSafeInteger(value) ? value : Number.NaN;
}

/** The units must be ordered from small to large. */
function format(value: number, units: Record<string, number>): string {
  const [unit, factor] = Object.entries(units).findLast(
    ([, size], at) => at === 0 || (value > 0 && value % size === 0),
  )!;
  return `${value / factor}${unit}`;
}
