/** Readers of option values for commander: what they refuse it prints, with the name of the option. */
import { InvalidArgumentError } from 'commander';

const UNIT_SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 };

/** `30m`, `12h` or `30d`, in seconds. */
export function toSeconds(text: string): number {
  const match = /^(\d{1,9})([smhd])$/.exec(text);
  if (match === null) throw new InvalidArgumentError('It takes a span such as 30m, 12h or 30d.');
  return Number(match[1]) * UNIT_SECONDS[match[2]!]!;
}

/** `a,b`. */
export function toList(text: string): string[] {
  const words = text.split(',').map((word) => word.trim());
  if (words.some((word) => word === '')) throw new InvalidArgumentError('It takes words with commas between them.');
  return words;
}

/** A whole number from 1 on. */
export function toCount(text: string): number {
  const count = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (count < 1) throw new InvalidArgumentError('It takes a whole number from 1 on.');
  return count;
}

/** 0 to 9. */
export function toLevel(text: string): number {
  if (!/^\d$/.test(text)) throw new InvalidArgumentError('A level is a whole number from 0 (first) to 9.');
  return Number(text);
}
