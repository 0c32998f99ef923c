/**
 * Checks one line of a batch input file. Pure: bytes in, either what a task needs of it or everything that is wrong with it.
 * Codes and texts are those that OpenAI was seen to send; where none are known they are ours in the same form.
 */
import { isUtf8 } from 'node:buffer';
import { findBody } from './body-span.js';

/** One entry of `batch.errors.data`. `line` is 1-based; null for the file as a whole. `param` is in dots from the line's root. */
export interface LineError {
  code: string;
  message: string;
  param: string | null;
  line: number | null;
}

export interface CheckedLine {
  customId: string;
  model: string;
  /** Of the `body` value, in bytes from the start of the line. */
  bodyStart: number;
  bodyLength: number;
}

type Problem = Omit<LineError, 'line'>;

/** Deeper bodies are refused: no model needs them, and they are how parsers are attacked. */
export const MAX_BODY_DEPTH = 200;
/** Long enough for any sane key, short enough for an index. */
export const MAX_CUSTOM_ID_LENGTH = 512;

/** The one field beside `model` that an endpoint cannot do without, with OpenAI's word for it. */
const REQUIRED_FIELD: Record<string, { name: string; message: string }> = {
  '/v1/chat/completions': { name: 'messages', message: 'Messages parameter is required.' },
  '/v1/embeddings': { name: 'input', message: 'Input parameter is required.' },
  '/v1/moderations': { name: 'input', message: 'Input parameter is required.' },
};

const NOT_JSON: Problem = {
  code: 'invalid_json_line',
  message: 'This line is not parseable as valid JSON.',
  param: null,
};

/** `line` has no line feed; a trailing carriage return is white space to JSON. */
export function checkLine(line: Buffer, endpoint: string): CheckedLine | Problem[] {
  if (!isUtf8(line))
    return [{ ...NOT_JSON, message: 'This line is not parseable as valid JSON: it is not valid UTF-8.' }];
  const value = parseObject(line);
  if (!value) return [NOT_JSON];
  const problems = [
    ...customIdProblems(value),
    ...methodProblems(value),
    ...urlProblems(value, endpoint),
    ...bodyProblems(value, endpoint),
  ];
  if (problems.length > 0) return problems;
  const span = findBody(line.toString('latin1'))!;
  if (span.depth > MAX_BODY_DEPTH) {
    return [
      { code: 'invalid_request', message: `Body is nested deeper than ${MAX_BODY_DEPTH} levels.`, param: 'body' },
    ];
  }
  return {
    customId: own(value, 'custom_id') as string,
    model: own(own(value, 'body') as object, 'model') as string,
    bodyStart: span.start,
    bodyLength: span.end - span.start,
  };
}

function parseObject(line: Buffer): object | null {
  try {
    const value: unknown = JSON.parse(line.toString('utf8'));
    return isObject(value) ? value : null;
  } catch {
    return null; // that it does not parse is the answer
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

function customIdProblems(line: object): Problem[] {
  const customId = own(line, 'custom_id');
  if (customId === undefined || customId === null) return [missing('custom_id')];
  if (typeof customId !== 'string') {
    return [{ code: 'invalid_type', message: "Invalid type for 'custom_id': expected a string.", param: 'custom_id' }];
  }
  if (customId.length === 0 || customId.length > MAX_CUSTOM_ID_LENGTH) {
    const message = `Invalid 'custom_id': expected a string of 1 to ${MAX_CUSTOM_ID_LENGTH} characters, got ${customId.length}.`;
    return [{ code: 'invalid_value', message, param: 'custom_id' }];
  }
  if (!customId.isWellFormed() || customId.includes('\0')) {
    const message = "Invalid 'custom_id': it holds a NUL character or half of a surrogate pair.";
    return [{ code: 'invalid_value', message, param: 'custom_id' }];
  }
  return [];
}

function methodProblems(line: object): Problem[] {
  const method = own(line, 'method');
  if (method === undefined || method === null) return [missing('method')];
  if (method === 'POST') return [];
  return [{ code: 'invalid_method', message: "The method of a request must be 'POST'.", param: 'method' }];
}

function urlProblems(line: object, endpoint: string): Problem[] {
  const url = own(line, 'url');
  if (url === undefined || url === null) return [missing('url')];
  if (url === endpoint) return [];
  const message = 'The URL provided for this request does not match the batch endpoint.';
  return [{ code: 'invalid_url', message, param: 'url' }];
}

function bodyProblems(line: object, endpoint: string): Problem[] {
  const body = own(line, 'body');
  if (body === undefined || body === null) return [missing('body')];
  if (!isObject(body)) {
    return [{ code: 'invalid_type', message: "Invalid type for 'body': expected an object.", param: 'body' }];
  }
  const problems: Problem[] = [];
  const model = own(body, 'model');
  if (typeof model !== 'string' || model === '') {
    problems.push({ code: 'invalid_request', message: 'Model parameter is required.', param: 'body.model' });
  }
  const required = REQUIRED_FIELD[endpoint];
  if (required && own(body, required.name) === undefined) {
    problems.push({ code: 'invalid_request', message: required.message, param: `body.${required.name}` });
  }
  if (own(body, 'stream') === true) {
    const message = 'Chat Completions: Streaming is not supported in the Batch API.';
    problems.push({ code: 'streaming_unsupported', message, param: 'body.stream' });
  }
  return problems;
}
