/**
 * Reads a long line without building what it holds: a hostile one of 10 MiB would become hundreds of megabytes of empty
 * objects, and take seconds in which nothing else is answered. What comes out is an outline: the few fields that are
 * checked, as JSON.parse would give them, but of arrays and objects only that they are there.
 *
 * One pass, no recursion, and resumable: `steps` yields every few thousand characters.
 */
import type { BodySpan } from './body-span.js';

export interface LineOutline {
  /** What JSON.parse would return, without what nobody checks. */
  value: unknown;
  /** The last `body`, if there is one. */
  body: BodySpan | null;
}

interface Span {
  start: number;
  end: number;
}

/** What may come next. */
type Expected = 'value' | 'value or ]' | 'key' | 'key or }' | ':' | ', or end' | 'rest of a key' | 'rest of a text';

const STEP_CHARACTERS = 64 * 1024;
/** A longer one cannot be one of the names, even with each letter written as an escape. */
const LONGEST_NAME = 64;
const [QUOTE, BACKSLASH, COMMA, COLON] = [0x22, 0x5c, 0x2c, 0x3a];
const [OPEN_BRACE, CLOSE_BRACE, OPEN_BRACKET, CLOSE_BRACKET] = [0x7b, 0x7d, 0x5b, 0x5d];
const [ZERO, NINE, PLUS, MINUS, POINT, LARGE_E, SMALL_E, SMALL_U] = [0x30, 0x39, 0x2b, 0x2d, 0x2e, 0x45, 0x65, 0x75];
/** By their first letter. */
const WORDS = new Map(['true', 'false', 'null'].map((word) => [word.charCodeAt(0), word]));
/** By character code: whether it stands behind a backslash for one character. An array, as there may be millions to look up. */
const IS_SHORT_ESCAPE = Uint8Array.from({ length: 256 }, (_, code) =>
  '"\\/bfnrt'.includes(String.fromCharCode(code)) ? 1 : 0,
);
const LINE_FIELDS = new Set(['custom_id', 'method', 'url', 'body']);
const BODY_FIELDS = new Set(['model', 'messages', 'input', 'stream']);

export class OutlineReader {
  private at = 0;
  /** Where the string began that is being read. */
  private stringStart = 0;
  private expected: Expected = 'value';
  /** The containers that are open, by the character that opened them. */
  private open = new Uint8Array(1_024);
  private depth = 0;
  /** The name of the field being read, if it is one of those that count: of the line, and of its body. */
  private lineField: string | null = null;
  private bodyField: string | null = null;
  private lineStart = 0;
  private bodyStart = 0;
  private deepest = 0;
  private bodyDepth = 0;
  private readonly ofLine = new Map<string, Span>();
  private readonly ofBody = new Map<string, Span>();

  /** `line` is UTF-8. It is read as it lies there: as a text it would take as much memory once more. */
  constructor(private readonly line: Buffer) {}

  /** Runs through the line; returns its outline, or null when it is not valid JSON. */
  *steps(): Generator<void, LineOutline | null> {
    let pauseAt = STEP_CHARACTERS;
    for (;;) {
      if (!this.isInString) this.skipSpace();
      if (this.at >= this.line.length) break;
      if (!this.token()) return null;
      if (this.at < pauseAt) continue;
      pauseAt = this.at + STEP_CHARACTERS;
      yield;
    }
    return this.depth === 0 && this.expected === ', or end' ? this.outline() : null;
  }

  /** Reads one token, of a long string a piece; false when it does not belong here. */
  private token(): boolean {
    const code = this.line[this.at]!;
    switch (this.expected) {
      case ':':
        if (code !== COLON) return false;
        this.at += 1;
        this.expected = 'value';
        return true;
      case ', or end':
        return code === COMMA ? this.comma() : this.close(code);
      case 'key':
        return code === QUOTE && this.string('rest of a key');
      case 'key or }':
        return code === QUOTE ? this.string('rest of a key') : code === CLOSE_BRACE && this.close(code);
      case 'rest of a key':
      case 'rest of a text':
        return this.restOfString();
      case 'value or ]':
        return code === CLOSE_BRACKET ? this.close(code) : this.value(code);
      default:
        return this.value(code);
    }
  }

  private comma(): boolean {
    if (this.depth === 0) return false;
    this.at += 1;
    this.expected = this.open[this.depth - 1] === OPEN_BRACE ? 'key' : 'value';
    return true;
  }

  private string(rest: 'rest of a key' | 'rest of a text'): boolean {
    this.stringStart = this.at;
    this.at += 1;
    this.expected = rest;
    return this.restOfString();
  }

  /** Reads on in a string, to its end or for a step. */
  private restOfString(): boolean {
    const { line } = this;
    const stopAt = this.at + STEP_CHARACTERS;
    let { at } = this;
    while (at < stopAt) {
      const code = line[at]!;
      if (code === QUOTE) {
        this.at = at + 1;
        if (this.expected === 'rest of a key') this.endKey();
        else this.end();
        return true;
      }
      if (code === BACKSLASH) {
        const length = lengthOfEscape(line, at);
        if (length === 0) return false;
        at += length;
      } else if (code >= 0x20) {
        at += 1;
      } else {
        return false; // a control character, or undefined: the end of the line
      }
    }
    this.at = at;
    return true;
  }

  private get isInString(): boolean {
    return this.expected === 'rest of a key' || this.expected === 'rest of a text';
  }

  private endKey(): void {
    if (this.depth === 1) this.lineField = nameIn(this.line, this.stringStart, this.at, LINE_FIELDS);
    else if (this.isInBody) this.bodyField = nameIn(this.line, this.stringStart, this.at, BODY_FIELDS);
    this.expected = ':';
  }

  private value(code: number): boolean {
    this.begin();
    if (code === OPEN_BRACE || code === OPEN_BRACKET) {
      if (this.depth === this.open.length) this.grow();
      this.open[this.depth] = code;
      this.depth += 1;
      if (this.depth > this.deepest) this.deepest = this.depth;
      this.at += 1;
      this.expected = code === OPEN_BRACE ? 'key or }' : 'value or ]';
      return true;
    }
    if (code === QUOTE) return this.string('rest of a text');
    this.at = endOfWord(this.line, this.at);
    if (this.at < 0) return false;
    this.end();
    return true;
  }

  private close(code: number): boolean {
    const opener = code === CLOSE_BRACE ? OPEN_BRACE : code === CLOSE_BRACKET ? OPEN_BRACKET : -1;
    if (this.depth === 0 || this.open[this.depth - 1] !== opener) return false;
    this.depth -= 1;
    this.at += 1;
    this.end();
    return true;
  }

  /** A value begins here. */
  private begin(): void {
    if (this.depth === 1 && this.lineField !== null) {
      this.lineStart = this.at;
      if (this.lineField !== 'body') return;
      this.ofBody.clear(); // of several bodies the last one counts
      this.deepest = 1;
    } else if (this.isInBody && this.bodyField !== null) {
      this.bodyStart = this.at;
    }
  }

  /** A value has ended here. */
  private end(): void {
    this.expected = ', or end';
    if (this.depth === 1 && this.lineField !== null) {
      this.ofLine.set(this.lineField, { start: this.lineStart, end: this.at });
      if (this.lineField === 'body') this.bodyDepth = this.deepest - 1;
      this.lineField = null;
    } else if (this.isInBody && this.bodyField !== null) {
      this.ofBody.set(this.bodyField, { start: this.bodyStart, end: this.at });
      this.bodyField = null;
    }
  }

  /** Whether fields that come now are those of the body itself. */
  private get isInBody(): boolean {
    return this.depth === 2 && this.lineField === 'body' && this.open[0] === OPEN_BRACE && this.open[1] === OPEN_BRACE;
  }

  private grow(): void {
    const more = new Uint8Array(this.open.length * 2);
    more.set(this.open);
    this.open = more;
  }

  private skipSpace(): void {
    for (;;) {
      const code = this.line[this.at];
      if (code !== 0x20 && code !== 0x09 && code !== 0x0a && code !== 0x0d) return;
      this.at += 1;
    }
  }

  private outline(): LineOutline {
    const { line } = this;
    this.at = 0;
    this.skipSpace();
    if (line[this.at] !== OPEN_BRACE) return { value: plain(line, { start: this.at, end: line.length }), body: null };
    const body = this.ofLine.get('body');
    const value = objectOf(line, this.ofLine);
    if (body === undefined) return { value, body: null };
    if (line[body.start] === OPEN_BRACE) value['body'] = objectOf(line, this.ofBody);
    return { value, body: { ...body, depth: this.bodyDepth } };
  }
}

function objectOf(line: Buffer, fields: ReadonlyMap<string, Span>): Record<string, unknown> {
  return Object.fromEntries([...fields].map(([name, span]) => [name, plain(line, span)]));
}

/** An array or object is given empty: only that it is one matters. */
function plain(line: Buffer, { start, end }: Span): unknown {
  const code = line[start];
  if (code === OPEN_BRACE) return {};
  if (code === OPEN_BRACKET) return [];
  return JSON.parse(line.toString('utf8', start, end));
}

function nameIn(line: Buffer, start: number, end: number, names: ReadonlySet<string>): string | null {
  if (end - start > LONGEST_NAME) return null;
  const name = JSON.parse(line.toString('utf8', start, end)) as string;
  return names.has(name) ? name : null;
}

/** Of the escape that begins at `at`; 0 when there is no such escape. */
function lengthOfEscape(line: Buffer, at: number): number {
  const code = line[at + 1]!;
  if (code === SMALL_U) return /^[0-9a-f]{4}$/i.test(line.toString('latin1', at + 2, at + 6)) ? 6 : 0;
  return IS_SHORT_ESCAPE[code] === 1 ? 2 : 0; // undefined at the end of the line
}

/** The place behind a number, `true`, `false` or `null`; -1 when it is none of them. */
function endOfWord(line: Buffer, from: number): number {
  const word = WORDS.get(line[from]!);
  if (word !== undefined) return line.toString('latin1', from, from + word.length) === word ? from + word.length : -1;
  let at = line[from] === MINUS ? from + 1 : from;
  const whole = at;
  at = endOfDigits(line, at);
  if (at === whole || (line[whole] === ZERO && at > whole + 1)) return -1;
  if (line[at] === POINT) {
    const fraction = at + 1;
    at = endOfDigits(line, fraction);
    if (at === fraction) return -1;
  }
  if (line[at] === SMALL_E || line[at] === LARGE_E) {
    const exponent = line[at + 1] === PLUS || line[at + 1] === MINUS ? at + 2 : at + 1;
    at = endOfDigits(line, exponent);
    if (at === exponent) return -1;
  }
  return at;
}

function endOfDigits(line: Buffer, from: number): number {
  let at = from;
  for (let code = line[at]!; code >= ZERO && code <= NINE; code = line[at]!) at += 1;
  return at;
}
