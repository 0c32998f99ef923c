/**
 * Checks one line of a batch input file. Pure: bytes in; out come what a task needs of it and everything that is wrong with
 * it. Codes and texts are those that OpenAI was seen to send; where none are known they are ours in the same form.
 */
import { isUtf8 } from 'node:buffer';
import { findBody, type BodySpan } from './body-span.js';

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

/** `line` has no line feed; a trailing carriage return is white space to JSON. */
export function checkLine(line: Buffer, endpoint: string): CheckedLine {
  if (!isUtf8(line)) return unreadable('This line is not parseable as valid JSON: it is not valid UTF-8.');
  const value = parse(line);
  if (value === undefined) return unreadable('This line is not parseable as valid JSON.');
  if (!isObject(value)) return unreadable('This line is not a JSON object.');
  const wrongCustomId = customIdProblems(value);
  const { problems, ...rest } = checkBody(own(value, 'body'), line, endpoint);
  return {
    ...rest,
    problems: [...wrongCustomId, ...methodProblems(value), ...urlProblems(value, endpoint), ...problems],
    customId: wrongCustomId.length === 0 ? (own(value, 'custom_id') as string) : null,
  };
}

const TOO_DEEP: Problem = {
  code: 'invalid_request',
  message: `Body is nested deeper than ${MAX_BODY_DEPTH} levels.`,
  param: 'body',
};

function unreadable(message: string): CheckedLine {
  const problems = [{ code: 'invalid_json_line', message, param: null }];
  return { problems, customId: null, model: null, body: null };
}

function parse(line: Buffer): unknown {
  try {
    return JSON.parse(line.toString('utf8'));
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

function customIdProblems(line: object): Problem[] {
  const customId = own(line, 'custom_id');
  if (customId === undefined || customId === null) return [missing('custom_id')];
  if (typeof customId !== 'string') {
    return [{ code: 'invalid_type', message: "Invalid type for 'custom_id': expected a string.", param: 'custom_id' }];
  }
  return nameProblems(customId, 'custom_id', MAX_CUSTOM_ID_LENGTH);
}

/** Of a text that is kept, compared and shown. */
function nameProblems(name: string, param: string, maxLength: number): Problem[] {
  if (name.length === 0 || name.length > maxLength) {
    const message = `Invalid '${param}': expected a string of 1 to ${maxLength} characters, got ${name.length}.`;
    return [{ code: 'invalid_value', message, param }];
  }
  if (!name.isWellFormed() || name.includes('\0')) {
    const message = `Invalid '${param}': it holds a NUL character or half of a surrogate pair.`;
    return [{ code: 'invalid_value', message, param }];
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

/** `line` is the one that the body stands in. */
function checkBody(body: unknown, line: Buffer, endpoint: string): Omit<CheckedLine, 'customId'> {
  if (body === undefined || body === null) return { problems: [missing('body')], model: null, body: null };
  if (!isObject(body)) {
    const problem = { code: 'invalid_type', message: "Invalid type for 'body': expected an object.", param: 'body' };
    return { problems: [problem], model: null, body: null };
  }
  const wrongModel = modelProblems(body);
  const span = findBody(line.toString('latin1'))!;
  return {
    problems: [...wrongModel, ...contentProblems(body, endpoint), ...(span.depth > MAX_BODY_DEPTH ? [TOO_DEEP] : [])],
    model: wrongModel.length === 0 ? (own(body, 'model') as string) : null,
    body: span,
  };
}

function modelProblems(body: object): Problem[] {
  const model = own(body, 'model');
  if (typeof model !== 'string' || model === '') {
    return [{ code: 'invalid_request', message: 'Model parameter is required.', param: 'body.model' }];
  }
  return nameProblems(model, 'body.model', MAX_MODEL_LENGTH);
}

/** Of the fields beside the model. */
function contentProblems(body: object, endpoint: string): Problem[] {
  const problems: Problem[] = [];
  const required = REQUIRED_FIELD[endpoint];
  if (required && own(body, required.name) === undefined) {
    problems.push({ code: 'invalid_request', message: required.message, param: `body.${required.name}` });
  }
  if (own(body, 'stream') === true) {
    const message = `${STREAMING[endpoint] ?? ''}Streaming is not supported in the Batch API.`;
    problems.push({ code: 'streaming_unsupported', message, param: 'body.stream' });
  }
  return problems;
}
