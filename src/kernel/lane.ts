/**
 * A lane is a queue at one level; written `name:level` on the wire. Level 0 is online work and always
 * goes first; 1 to 9 are offline.
 */
import { MillraceError } from './errors.js';

export const MIN_LEVEL = 0;
export const MAX_LEVEL = 9;
/** Batch lines are offline work unless their submitter says otherwise. */
export const DEFAULT_BATCH_LEVEL = 1;

export const QUEUE_NAME_PATTERN = /^[A-Za-z0-9_-]{1,64}$/;

export function isLevel(level: number): boolean {
  return Number.isInteger(level) && level >= MIN_LEVEL && level <= MAX_LEVEL;
}

/** Reads a level given as text, e.g. in a header. */
export function parseLevel(text: string, param: string): number {
  const level = /^\d$/.test(text) ? Number(text) : Number.NaN;
  if (!isLevel(level)) {
    throw new MillraceError('invalid_value', `Invalid value: '${text}'. A level is a whole number from 0 to 9.`, {
      param,
    });
  }
  return level;
}
