/**
 * An answer as it is kept: the JSON text of its body; or, where its worker said more than that, the fields that he said, each
 * with a comma before it. No JSON text begins with a comma, so of an answer that is a body one letter is looked at.
 */
import { findField } from './json-span.js';

/** `body`: JSON text; null where the worker gave none. `more`: the members that he wrote beside it, at least one. */
export function keptWith(body: string | null, more: readonly string[]): string {
  return `${body === null ? '' : bodyField(body)},${more.join(',')}`;
}

/** The fields of the answer as they stand in a JSON object, behind others. */
export function fieldsOf(kept: string): string {
  return isBody(kept) ? bodyField(kept) : kept;
}

/** The body alone, for those who want nothing else; where there is none, all that the worker said. */
export function bodyOf(kept: string): string {
  return isBody(kept) ? kept : (fieldIn(kept, 'body') ?? objectOf(kept));
}

/** What the worker said went wrong, whatever the status of his answer; null when nothing did. */
export function errorOf(kept: string): unknown {
  const error = isBody(kept) ? null : fieldIn(kept, 'error');
  return error === null ? null : JSON.parse(error) || null; // `false` and `""` are no errors
}

function isBody(kept: string): boolean {
  return !kept.startsWith(',');
}

function bodyField(json: string): string {
  return `,"body":${json}`;
}

function objectOf(kept: string): string {
  return `{${kept.slice(1)}}`;
}

function fieldIn(kept: string, name: string): string | null {
  const object = objectOf(kept);
  const span = findField(object, name);
  return span && object.slice(span.start, span.end);
}
