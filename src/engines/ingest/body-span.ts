/**
 * Finds where the value of the top-level key `body` stands in a line, so that its bytes can be sent to the upstream as
 * they are: never written again, which is faster and keeps numbers above 2^53 whole.
 *
 * The text must be valid JSON with an object at the top (JSON.parse has accepted it), one character per byte (latin1), so
 * that positions are byte offsets. One pass, no recursion.
 */
export interface BodySpan {
  start: number;
  end: number;
  /** How deep the value is nested; 1 for a flat object. */
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

/** As with JSON.parse, the last of several `body` keys counts. Null when there is none. */
export function findBody(text: string): BodySpan | null {
  let found: BodySpan | null = null;
  let at = text.indexOf('{') + 1;
  for (;;) {
    at = skipSpace(text, at);
    if (text.charCodeAt(at) === CLOSE_BRACE) return found;
    const keyEnd = endOfString(text, at);
    const isBody = isBodyKey(text, at, keyEnd);
    const start = skipSpace(text, skipSpace(text, keyEnd) + 1); // over the colon
    const { end, depth } = endOfValue(text, start);
    if (isBody) found = { start, end, depth };
    at = skipSpace(text, end);
    if (text.charCodeAt(at) !== COMMA) return found;
    at += 1;
  }
}

function isBodyKey(text: string, start: number, end: number): boolean {
  const key = text.slice(start, end);
  return key === '"body"' || (key.includes('\\') && JSON.parse(key) === 'body');
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
    let backslashes = 0;
    while (text.charCodeAt(at - 1 - backslashes) === BACKSLASH) backslashes += 1;
    if (backslashes % 2 === 0) return at + 1;
  }
}

function endOfValue(text: string, from: number): { end: number; depth: number } {
  let at = from;
  let open = 0;
  let depth = 0;
  for (;;) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      at = endOfString(text, at);
      if (open === 0) return { end: at, depth };
      continue;
    }
    if (code === OPEN_BRACE || code === OPEN_BRACKET) {
      open += 1;
      if (open > depth) depth = open;
    } else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) {
      if (open === 0) return { end: at, depth }; // a bare number or word before the line's own closing brace
      open -= 1;
      if (open === 0) return { end: at + 1, depth };
    } else if (open === 0 && (code === COMMA || code === COLON || code <= 0x20)) {
      return { end: at, depth };
    }
    at += 1;
  }
}
