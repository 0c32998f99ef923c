import { MillraceError } from '../../kernel/errors.js';

export type RequestHeaders = Readonly<Record<string, string | undefined>>;

/**
 * The value of a header, null for one that is not there. One that is there and says nothing is refused: whoever sends it has
 * lost what was to be in it, such as a variable that is not set.
 */
export function givenHeader(value: string | undefined, name: string): string | null {
  if (value === undefined) return null;
  if (value !== '') return value;
  const message = `Invalid '${name}': the header is empty. Give it a value, or leave it out.`;
  throw new MillraceError('invalid_value', message, { param: name });
}
