import { findField, type JsonSpan } from '../../kernel/json-span.js';

export type BodySpan = JsonSpan;

/**
 * Where the value of the top-level key `body` stands in a line, so that its bytes can be sent to the upstream as they are.
 * The text has one character per byte (latin1), so that positions are byte offsets. Null when there is none.
 */
export function findBody(text: string): BodySpan | null {
  return findField(text, 'body');
}
