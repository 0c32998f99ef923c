/** Parts of a request's body that are passed on as they came. */
import { MillraceError } from '../../kernel/errors.js';
import { findField, findItems, spanOfValue, type JsonSpan } from '../../kernel/json-span.js';

/** Deeper values are refused: no model writes them, and they are how parsers are attacked. */
const MAX_DEPTH = 200;

/** An object in a body: what was parsed, and where it stands in the body's text. */
export interface JsonPart {
  value: Record<string, unknown>;
  text: string;
  start: number;
  /** Its place for people, with a dot behind it; empty for the body itself. */
  path: string;
}

/** The whole body of a request, which is an object. `text`: what it was parsed from. */
export function partOfBody(body: object, text: string): JsonPart {
  return { value: body as Record<string, unknown>, text, start: text.indexOf('{'), path: '' };
}

/** The JSON text of a field that is there; refuses with `invalid_value` what is nested too deeply. */
export function jsonOfField({ text, start, path }: JsonPart, name: string): string {
  return cut(text, findField(text, name, start)!, path + name);
}

/** The JSON text of the whole part; refuses as `jsonOfField` does. */
export function wholeText({ text, start, path }: JsonPart): string {
  return cut(text, spanOfValue(text, start), path);
}

/** The parts of a list of objects that is there. */
export function partsOfField({ value, text, start, path }: JsonPart, name: string): JsonPart[] {
  const items = value[name] as Record<string, unknown>[];
  if (items.length === 0) return [];
  const spans = findItems(text, findField(text, name, start)!.start);
  return items.map((item, index) => ({
    value: item,
    text,
    start: spans[index]!.start,
    path: `${path}${name}.${index}.`,
  }));
}

/** The part of a field that is there and an object. */
export function partOfField({ value, text, start, path }: JsonPart, name: string): JsonPart {
  const inner = value[name] as Record<string, unknown>;
  return { value: inner, text, start: findField(text, name, start)!.start, path: `${path}${name}.` };
}

function cut(text: string, { start, end, depth }: JsonSpan, path: string): string {
  if (depth <= MAX_DEPTH) return text.slice(start, end);
  const param = path.replace(/\.$/, '') || 'body';
  throw new MillraceError('invalid_value', `Invalid '${param}': nested deeper than ${MAX_DEPTH} levels.`, { param });
}
