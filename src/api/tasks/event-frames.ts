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
export function endFrame({ status, body, error }: TaskAnswer, isSilent: boolean): string {
  if (error !== null) return errorFrame(status, error);
  if (status >= FIRST_FAILURE) return errorFrame(status, errorIn(body, status));
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

/** What a model's error says of itself. */
function errorIn(body: string | null, status: number): { code: string; message: string } {
  const answer = parsed(body);
  const error = isObject(answer) && isObject(answer['error']) ? answer['error'] : {};
  const { code, type, message } = error;
  return {
    code: textIn(code) ?? textIn(type) ?? 'error_status',
    message: textIn(message) ?? `The task was answered with status ${status}.`,
  };
}

function textIn(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

function parsed(body: string | null): unknown {
  return body === null ? null : JSON.parse(body);
}
