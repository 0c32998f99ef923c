import { MillraceError } from '../../kernel/errors.js';
import { givenHeader, type RequestHeaders } from './given-header.js';

const NAME = 'Idempotency-Key';
const MAX_LENGTH = 255;

/** The `Idempotency-Key` of a request, under which its repetition is known; null when it has none. */
export function idempotencyKeyOf(headers: RequestHeaders): string | null {
  const key = givenHeader(headers['idempotency-key'], NAME);
  if (key === null || key.length <= MAX_LENGTH) return key;
  const message = `Invalid '${NAME}': expected at most ${MAX_LENGTH} characters.`;
  throw new MillraceError('invalid_value', message, { param: NAME });
}
