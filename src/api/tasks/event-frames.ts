/** Frames of a stream of server-sent events, as the clients of the Task API read them: no blank after a colon. */
import { compacted } from '../../kernel/json-span.js';
import { isObject } from '../common/field.decorators.js';
import type { NumberedEvent } from '../../modules/tasks/task-requests.js';
import type { TaskAnswer } from './task-answers.js';

/** Keeps the connection from looking dead. */
export const PING = ': ping\n\n';
const FIRST_FAILURE = 400;

/** The id of an event without one is its number: whoever lost the connection can tell where to go on. */
export function eventFrame({ n, id, name, data }: NumberedEvent): string {
  const event = name === null ? '' : `event:${oneLine(name)}\n`;
  return `id:${id === null ? n : oneLine(id)}\n${event}${dataLines(data)}\n`;
}

/** The last frame of a stream; none after a good end, but for an answer that was not said in events. */
export function endFrame({ status, body, error, workerError }: TaskAnswer, isSilent: boolean): string {
  if (error !== null) return errorFrame(status, error);
  if (workerError !== null) return errorFrame(status, failureOf(workerError, status));
  if (status >= FIRST_FAILURE) return errorFrame(status, failureOf(errorIn(body), status));
  return isSilent && body !== null ? `${dataLines(body)}\n` : '';
}

export function errorFrame(status: number, { code, message }: { code: string; message: string }): string {
  return `event:error\ndata:${JSON.stringify({ status_code: status, error: { code, message } })}\n\n`;
}

/**
 * `json`: a string goes out as its text, without a `data:` that it may begin with; all else without its spaces, and therefore
 * in one line. To parse it and write it again would change large numbers.
 */
function dataLines(json: string): string {
  if (!json.startsWith('"')) return `data:${compacted(json)}\n`;
  return rawText(JSON.parse(json) as string)
    .split(/\r\n|\r|\n/)
    .map((line) => `data:${line}\n`)
    .join('');
}

function rawText(text: string): string {
  return text.startsWith('data:') ? text.slice('data:'.length).trim() : text;
}

function oneLine(text: string): string {
  return text.replaceAll(/[\r\n\0]/g, ' ');
}

/** What the error of a model or worker says of itself. */
function failureOf(error: unknown, status: number): { code: string; message: string } {
  const { code, type, message } = isObject(error) ? error : { message: error };
  const isFailure = status >= FIRST_FAILURE;
  return {
    code: textIn(code) ?? textIn(type) ?? (isFailure ? 'error_status' : 'worker_error'),
    message: textIn(message) ?? `The task was answered with ${isFailure ? `status ${status}` : 'an error'}.`,
  };
}

function errorIn(body: string | null): unknown {
  const answer = body === null ? null : (JSON.parse(body) as unknown);
  return isObject(answer) ? answer['error'] : null;
}

function textIn(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}
