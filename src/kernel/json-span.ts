/**
 * Finds where values stand in a JSON text, so that they can be kept and passed on as they are: never written again, which is
 * faster and keeps numbers above 2^53 whole.
 *
 * The text must be valid JSON: JSON.parse has accepted it. One pass, no recursion.
 */
export interface JsonSpan {
  start: number;
  end: number;
  /** How deep the value is nested; 1 for a flat object, 0 for what is neither object nor array. */
  depth: number;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const COMMA = 0x2c;
const COLON = 0x3a;

/**
 * The value of this key in the object that is the next thing at `from`. As with JSON.parse, the last of several counts. Null
 * when there is none.
 */
export function findField(text: string, name: string, from = 0): JsonSpan | null {
  const quoted = JSON.stringify(name);
  let found: JsonSpan | null = null;
  const open = text.indexOf('{', from);
  if (open < 0) return null;
  let at = open + 1;
  for (;;) {
    at = skipSpace(text, at);
    if (text.charCodeAt(at) === CLOSE_BRACE) return found;
    const keyEnd = endOfString(text, at);
    const key = text.slice(at, keyEnd);
    const start = skipSpace(text, skipSpace(text, keyEnd) + 1); // over the colon
    const span = spanOfValue(text, start);
    if (key === quoted || (key.includes('\\') && JSON.parse(key) === name)) found = span;
    at = skipSpace(text, span.end);
    if (text.charCodeAt(at) !== COMMA) return found;
    at += 1;
  }
}

/** The items of the array that is the next thing at `from`. */
export function findItems(text: string, from = 0): JsonSpan[] {
  const items: JsonSpan[] = [];
  let at = skipSpace(text, text.indexOf('[', from) + 1);
  while (text.charCodeAt(at) !== CLOSE_BRACKET) {
    const span = spanOfValue(text, at);
    items.push(span);
    at = skipSpace(text, span.end);
    if (text.charCodeAt(at) === COMMA) at = skipSpace(text, at + 1);
  }
  return items;
}

/** The text without the white space between its tokens; itself where there is none. Strings stay as they are. */
export function compacted(text: string): string {
  let kept = '';
  let from = 0;
  let at = 0;
  while (at < text.length) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      at = endOfString(text, at);
    } else if (code <= 0x20) {
      kept += text.slice(from, at);
      from = at = skipSpace(text, at);
    } else {
      at += 1;
    }
  }
  return from === 0 ? text : kept + text.slice(from);
}

function skipSpace(text: string, from: number): number {
  let at = from;
  while (text.charCodeAt(at) <= 0x20) at += 1;
  return at;
}

/** `from` is at the opening quote; returns the place after the closing one. */
function endOfString(text: string, from: number): number {
  let at = from;
  for (;;) {
    at = text.indexOf('"', at + 1);
    if (at < 0) throw new Error('the text is not valid JSON: a string has no end');
    let backslashes = 0;
    while (text.charCodeAt(at - 1 - backslashes) === BACKSLASH) backslashes += 1;
    if (backslashes % 2 === 0) return at + 1;
  }
}

/** The value that begins at `start`. */
export function spanOfValue(text: string, start: number): JsonSpan {
  let at = start;
  let open = 0;
  let depth = 0;
  for (;;) {
    if (at >= text.length) return { start, end: at, depth }; // a bare number or word that is all there is
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      at = endOfString(text, at);
      if (open === 0) return { start, end: at, depth };
      continue;
    }
    if (code === OPEN_BRACE || code === OPEN_BRACKET) {
      open += 1;
      if (open > depth) depth = open;
    } else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) {
      if (open === 0) return { start, end: at, depth }; // a bare number or word before the closing bracket around it
      open -= 1;
      if (open === 0) return { start, end: at + 1, depth };
    } else if (open === 0 && (code === COMMA || code === COLON || code <= 0x20)) {
      return { start, end: at, depth };
    }
    at += 1;
  }
}
