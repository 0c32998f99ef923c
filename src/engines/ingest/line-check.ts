/**
 * Checks one line of a batch input file. Pure: bytes in; out come what a task needs of it and everything that is wrong with
 * it. Codes and texts are those that OpenAI was seen to send; where none are known they are ours in the same form.
 */
import { isUtf8 } from 'node:buffer';
import type { Turn } from '../../kernel/turn.js';
import { findBody, type BodySpan } from './body-span.js';
import { OutlineReader } from './line-outline.js';

/** One entry of `batch.errors.data`. `line` is 1-based; null for the file as a whole. `param` is in dots from the line's root. */
export interface LineError {
  code: string;
  message: string;
  param: string | null;
  line: number | null;
}

export type Problem = Omit<LineError, 'line'>;

/** Whatever could be read is given, also of a line with problems, so that it can be compared with the other lines. */
export interface CheckedLine {
  problems: Problem[];
  /** Null when there is none, or it is wrong. */
  customId: string | null;
  model: string | null;
  /** Where the `body` value stands, in bytes from the start of the line. */
  body: BodySpan | null;
}

/** Deeper bodies are refused: no model needs them, and they are how parsers are attacked. */
export const MAX_BODY_DEPTH = 200;
/** Long enough for any sane key, short enough for an index. */
export const MAX_CUSTOM_ID_LENGTH = 512;
/** The model is stored with the batch and shown in every list. */
export const MAX_MODEL_LENGTH = 256;

/** The one field beside `model` that an endpoint cannot do without, with OpenAI's word for it. */
const REQUIRED_FIELD: Record<string, { name: string; message: string }> = {
  '/v1/chat/completions': { name: 'messages', message: 'Messages parameter is required.' },
  '/v1/embeddings': { name: 'input', message: 'Input parameter is required.' },
  '/v1/moderations': { name: 'input', message: 'Input parameter is required.' },
};

/** How OpenAI opens its sentence about `stream`, where that is known. */
const STREAMING: Record<string, string> = { '/v1/chat/completions': 'Chat Completions: ' };

const NOT_JSON = 'This line is not parseable as valid JSON.';
const NOT_UTF8 = `${NOT_JSON.slice(0, -1)}: it is not valid UTF-8.`;
const WRONG_METHOD: Problem = {
  code: 'invalid_method',
  message: "The method of a request must be 'POST'.",
  param: 'method',
};
const WRONG_URL: Problem = {
  code: 'invalid_url',
  message: 'The URL provided for this request does not match the batch endpoint.',
  param: 'url',
};
const NO_MODEL: Problem = { code: 'invalid_request', message: 'Model parameter is required.', param: 'body.model' };
const TOO_DEEP: Problem = {
  code: 'invalid_request',
  message: `Body is nested deeper than ${MAX_BODY_DEPTH} levels.`,
  param: 'body',
};

/** Above this a line is read by its outline: parsing it could take longer than others want to wait. */
export const LONG_LINE_BYTES = 128 * 1024;

/** `line` has no line feed; a trailing carriage return is white space to JSON. */
export function checkLine(line: Buffer, endpoint: string): CheckedLine {
  if (!isUtf8(line)) return unreadable(NOT_UTF8);
  const text = line.toString('utf8');
  const value = parse(text);
  if (value === undefined) return unreadable(NOT_JSON);
  // As long as its bytes: then it is ASCII, and a place in the text is one in the bytes.
  return judge(value, endpoint, () => findBody(text.length === line.length ? text : line.toString('latin1')));
}

/** The same for a line of any length, but others get their turn meanwhile. */
export async function checkLongLine(line: Buffer, endpoint: string, turn: Turn): Promise<CheckedLine> {
  if (!isUtf8(line)) return unreadable(NOT_UTF8);
  await turn.next(); // getting here took long enough
  const steps = new OutlineReader(line).steps();
  let step = steps.next();
  for (; !step.done; step = steps.next()) {
    if (turn.isOver) await turn.next();
  }
  if (step.value === null) return unreadable(NOT_JSON);
  const { value, body } = step.value;
  return judge(value, endpoint, () => body);
}

/** `spanOf` is asked only for a line that has a body. */
function judge(value: unknown, endpoint: string, spanOf: () => BodySpan | null): CheckedLine {
  if (!isObject(value)) return unreadable('This line is not a JSON object.');
  const problems: Problem[] = [];
  const customId = readCustomId(value, problems);
  checkMethod(value, problems);
  checkUrl(value, endpoint, problems);
  const body = readBody(value, problems);
  const model = body && readModel(body, problems);
  if (body) checkContent(body, endpoint, problems);
  const span = body && spanOf();
  if (span && span.depth > MAX_BODY_DEPTH) problems.push(TOO_DEEP);
  return { problems, customId, model, body: span };
}

function unreadable(message: string): CheckedLine {
  const problems = [{ code: 'invalid_json_line', message, param: null }];
  return { problems, customId: null, model: null, body: null };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // that it does not parse is the answer
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Own fields only: a line may well hold `__proto__`. */
function own(object: object, field: string): unknown {
  return Object.hasOwn(object, field) ? (object as Record<string, unknown>)[field] : undefined;
}

function missing(field: string): Problem {
  return { code: 'missing_required_parameter', message: `Missing required parameter: '${field}'.`, param: field };
}

function wrongType(field: string, expected: string): Problem {
  return { code: 'invalid_type', message: `Invalid type for '${field}': expected ${expected}.`, param: field };
}

function readCustomId(line: object, problems: Problem[]): string | null {
  const customId = own(line, 'custom_id');
  if (typeof customId === 'string') return readName(customId, 'custom_id', MAX_CUSTOM_ID_LENGTH, problems);
  const isMissing = customId === undefined || customId === null;
  problems.push(isMissing ? missing('custom_id') : wrongType('custom_id', 'a string'));
  return null;
}

/** A text that is kept, compared and shown. */
function readName(name: string, param: string, maxLength: number, problems: Problem[]): string | null {
  let wrong: string;
  if (name.length === 0 || name.length > maxLength) {
    wrong = `expected a string of 1 to ${maxLength} characters, got ${name.length}.`;
  } else if (!name.isWellFormed() || name.includes('\0')) {
    wrong = 'it holds a NUL character or half of a surrogate pair.';
  } else {
    return name;
  }
  problems.push({ code: 'invalid_value', message: `Invalid '${param}': ${wrong}`, param });
  return null;
}

function checkMethod(line: object, problems: Problem[]): void {
  const method = own(line, 'method');
  if (method === 'POST') return;
  const isMissing = method === undefined || method === null;
  problems.push(isMissing ? missing('method') : WRONG_METHOD);
}

function checkUrl(line: object, endpoint: string, problems: Problem[]): void {
  const url = own(line, 'url');
  if (url === endpoint) return;
  const isMissing = url === undefined || url === null;
  problems.push(isMissing ? missing('url') : WRONG_URL);
}

function readBody(line: object, problems: Problem[]): object | null {
  const body = own(line, 'body');
  if (isObject(body)) return body;
  const isMissing = body === undefined || body === null;
  problems.push(isMissing ? missing('body') : wrongType('body', 'an object'));
  return null;
}

function readModel(body: object, problems: Problem[]): string | null {
  const model = own(body, 'model');
  if (typeof model === 'string' && model !== '') return readName(model, 'body.model', MAX_MODEL_LENGTH, problems);
  problems.push(NO_MODEL);
  return null;
}

/** The fields beside the model. */
function checkContent(body: object, endpoint: string, problems: Problem[]): void {
  const required = REQUIRED_FIELD[endpoint];
  if (required && own(body, required.name) === undefined) {
    problems.push({ code: 'invalid_request', message: required.message, param: `body.${required.name}` });
  }
  if (own(body, 'stream') === true) {
    const message = `${STREAMING[endpoint] ?? ''}Streaming is not supported in the Batch API.`;
    problems.push({ code: 'streaming_unsupported', message, param: 'body.stream' });
  }
}
