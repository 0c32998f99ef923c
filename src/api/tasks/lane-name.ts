import { MillraceError } from '../../kernel/errors.js';
import { isLevel, QUEUE_NAME_PATTERN } from '../../kernel/lane.js';

/** A lane as callers name it. */
export interface LaneName {
  queueName: string;
  level: number;
}

/** Reads `chat:0`; refuses with `invalid_value`. `param`: where it stood. */
export function parseLane(text: string, param: string): LaneName {
  const [queueName = '', digits = '', ...rest] = text.split(':');
  const level = /^\d$/.test(digits) ? Number(digits) : Number.NaN;
  if (rest.length === 0 && QUEUE_NAME_PATTERN.test(queueName) && isLevel(level)) return { queueName, level };
  const message = `Invalid '${param}': expected the name of a queue and a level from 0 to 9, such as 'chat:0'.`;
  throw new MillraceError('invalid_value', message, { param });
}
