import { MillraceError } from '../../kernel/errors.js';

const MAX_LENGTH = 255;

/** The `Idempotency-Key` of a request, under which its repetition is known; null when it has none. */
export function idempotencyKeyOf(headers: Readonly<Record<string, string | undefined>>): string | null {
  const key = headers['idempotency-key'];
  if (!key) return null;
  if (key.length <= MAX_LENGTH) return key;
  const message = `Invalid 'Idempotency-Key': expected at most ${MAX_LENGTH} characters.`;
  throw new MillraceError('invalid_value', message, { param: 'Idempotency-Key' });
}
