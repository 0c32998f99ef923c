/** The shape of one simulated endpoint; `sim-server.ts` holds the list of them. */
import { SimError } from './sim-error.js';
import type { Random } from './sim-random.js';

/** A JSON object as it came in; nothing in it is checked yet. */
export type RequestBody = Readonly<Record<string, unknown>>;

/** Everything an answer is made from, beside the request's body. */
export interface AnswerContext {
  /** Tail of the answer's id: 12 hex digits of the request's fingerprint. */
  id: string;
  seed: number;
  random: Random;
  /** Content of exactly this many kilobytes; 0 for a short text. */
  kilobytes: number;
}

/** The frames of one streamed answer, in order: `head`, each of `tokens`, `tail`. */
export interface StreamScript {
  /** Sent at once; may be empty. */
  head: string;
  /** Paced: the first after the time to the first token, the others at the token rate. */
  tokens: string[];
  /** Sent with the last token. */
  tail: string;
}

/** What a sound call gets: the JSON text of a plain answer, or the frames of a streamed one. */
export type Answer = string | StreamScript;

export interface Endpoint {
  /** Keeps equal bodies sent to different endpoints apart. */
  readonly salt: number;
  /** @throws SimError with what OpenAI would answer to a request that it does not take */
  check(body: RequestBody): void;
  /** The JSON text of a plain answer. */
  answer(body: RequestBody, context: AnswerContext): string;
  /** The frames for `stream: true`; an endpoint without it answers plainly. */
  script?(body: RequestBody, context: AnswerContext): StreamScript;
}

export function isStreamed(endpoint: Endpoint, body: RequestBody): boolean {
  return body['stream'] === true && endpoint.script !== undefined;
}

export function answerOf(endpoint: Endpoint, body: RequestBody, context: AnswerContext): Answer {
  if (body['stream'] === true && endpoint.script !== undefined) return endpoint.script(body, context);
  return endpoint.answer(body, context);
}

/**
 * The `created` of every answer: 1 September 2026, in seconds. The real time would make two answers to the same
 * body differ.
 */
export const CREATED_AT_SECONDS = 1_788_220_800;

/** @throws SimError 400 unless the bytes are one JSON object */
export function parseObject(bytes: Buffer): RequestBody {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString());
  } catch {
    throw new SimError(400, 'We could not parse the JSON body of your request. What was sent was not valid JSON.');
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as RequestBody;
  throw new SimError(400, 'Invalid type for the body: expected an object.', 'invalid_type');
}

/** @throws SimError 400 when there is no `model` */
export function requireModel(body: RequestBody): void {
  if (typeof body['model'] !== 'string' || body['model'] === '') {
    throw new SimError(400, 'you must provide a model parameter');
  }
}

/** One server-sent event without a name. */
export function frame(data: object): string {
  return `data: ${JSON.stringify(data)}\n\n`;
}

export const DONE_FRAME = 'data: [DONE]\n\n';
