/** From the answers of workers to what is recorded of them. Bodies go on as the JSON texts that came. */
import { MillraceError } from '../../kernel/errors.js';
import { keptWith } from '../../kernel/kept-answer.js';
import type { CompleteCall, HolderVerdict } from '../../modules/tasks/task-requests.js';
import { usageOf } from '../../modules/tasks/usage.js';
import { isGiven, isObject, wrongType } from '../common/field.decorators.js';
import type { CompletionOutcomeDto, Outcome } from './completion.dto.js';
import { jsonOfField, partOfField, wholeText, type JsonPart } from './json-part.js';
import { epochOfToken } from './lease-token.js';

const MAX_TEXT = 512;
const DEFAULT_STATUS = 200;
const FIRST_FAILURE = 400;
/** Of a worker who names a status that is none. */
const UNREADABLE_STATUS = 500;
/** What of a result is neither its body nor kept beside it. */
const ENVELOPE: ReadonlySet<string> = new Set(['status_code', 'request_id', 'body', 'lease_token']);

const OUTCOME: Readonly<Record<HolderVerdict, Outcome>> = {
  done: 'recorded',
  repeated: 'recorded',
  lost: 'stale',
  late: 'ignored',
  unknown: 'unknown',
};

/**
 * `token`: shown beside the result; else the one in the result counts. Who shows none is a worker of old, of whom any status
 * and request id is taken: he does not expect to be refused, and would leave his task without an end.
 */
export function toCompletion(taskId: string, result: JsonPart, token: string | null): CompleteCall {
  const epoch = epochOfToken(taskId, token ?? textField(result, 'lease_token'));
  if (epoch !== null) return completionOf(taskId, epoch, statusOf(result), textField(result, 'request_id'), result);
  const status = readStatus(result) ?? UNREADABLE_STATUS;
  return completionOf(taskId, epoch, status, anyText(result.value['request_id']), result);
}

/** An item of a list of completions. */
export function toListedCompletion(item: JsonPart): CompleteCall {
  const taskId = requiredText(item, 'task_id');
  const { result } = item.value;
  if (!isObject(result)) throw wrongType(`${item.path}result`, 'an object', result);
  const part = partOfField(item, 'result');
  const token = textField(item, 'lease_token') ?? textField(part, 'lease_token');
  return completionOf(taskId, epochOfToken(taskId, token), statusOf(part), textField(part, 'request_id'), part);
}

function completionOf(
  taskId: string,
  epoch: number | null,
  statusCode: number,
  requestId: string | null,
  result: JsonPart,
): CompleteCall {
  const { body, json } = bodyOf(result);
  const usage = statusCode < FIRST_FAILURE ? usageOf(body) : null;
  // Written out: spreads make objects several times as large and slow to read, and these come by the hundred.
  return { taskId, epoch, statusCode, requestId, body: json, usage };
}

export function toOutcome({ taskId }: CompleteCall, verdict: HolderVerdict): CompletionOutcomeDto {
  return { task_id: taskId, outcome: OUTCOME[verdict] };
}

/** A number or, as some workers write it, its digits; null for anything else. Codes below 200 only announce an answer. */
function readStatus({ value: { status_code: value } }: JsonPart): number | null {
  if (!isGiven(value)) return DEFAULT_STATUS;
  const status = typeof value === 'string' && /^\d{3}$/.test(value) ? Number(value) : value;
  return Number.isInteger(status) && (status as number) >= 200 && (status as number) <= 599 ? (status as number) : null;
}

function statusOf(result: JsonPart): number {
  const status = readStatus(result);
  if (status !== null) return status;
  const param = `${result.path}status_code`;
  throw new MillraceError('invalid_value', `Invalid '${param}': expected an HTTP status from 200 to 599.`, { param });
}

/**
 * Nothing that a worker says is lost, nor written anew: what else he says is kept beside his `body`; where he says neither
 * `body` nor `error`, it is the body. `json`: as it is kept.
 */
function bodyOf(result: JsonPart): { body: unknown; json: string } {
  const { value } = result;
  const { body, error } = value;
  if (isGiven(body) && !saysMore(value)) return { body, json: jsonOfField(result, 'body') };
  const text = wholeText(result); // refuses what is nested too deeply to be written
  const names = Object.keys(value);
  const rest = names.filter((name) => isKept(value, name));
  if (rest.length === names.length && !isGiven(error)) return { body: value, json: text };
  if (rest.length === 0 && body === null) return { body, json: 'null' };
  const members = rest.map((name) => `${JSON.stringify(name)}:${jsonOfField(result, name)}`);
  if (isGiven(body)) return { body, json: keptWith(jsonOfField(result, 'body'), members) };
  const more = Object.fromEntries(rest.map((name) => [name, value[name]]));
  return { body: more, json: isGiven(error) ? keptWith(null, members) : `{${members.join(',')}}` };
}

/** Most say nothing beside their body: found out without making a list. */
function saysMore(fields: JsonPart['value']): boolean {
  for (const name in fields) if (isKept(fields, name)) return true;
  return false;
}

function isKept(fields: JsonPart['value'], name: string): boolean {
  return !ENVELOPE.has(name) && (isGiven(fields[name]) || !isGiven(fields['body']));
}

/** What can be kept of it as a text; null when nothing can. */
function anyText(value: unknown): string | null {
  if (typeof value === 'number') return String(value);
  return typeof value === 'string' ? value.replaceAll('\0', '').slice(0, MAX_TEXT).toWellFormed() : null;
}

/** Null when it is left out. */
export function textField({ value: fields, path }: JsonPart, name: string): string | null {
  const value = fields[name];
  if (!isGiven(value)) return null;
  const param = path + name;
  if (typeof value !== 'string') throw wrongType(param, 'a string', value);
  if (value.length <= MAX_TEXT && value.isWellFormed() && !value.includes('\0')) return value;
  const message = `Invalid '${param}': expected at most ${MAX_TEXT} whole characters, none of them NUL.`;
  throw new MillraceError('invalid_value', message, { param });
}

export function requiredText(part: JsonPart, name: string): string {
  const text = textField(part, name);
  if (text === null) throw wrongType(part.path + name, 'a string', part.value[name]);
  return text;
}
