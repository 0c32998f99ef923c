/** From the answers of workers to what is recorded of them. Bodies go on as the JSON texts that came. */
import { MillraceError } from '../../kernel/errors.js';
import type { CompleteCall, HolderVerdict } from '../../modules/tasks/task-requests.js';
import { usageOf } from '../../modules/tasks/usage.js';
import { isGiven, isObject, wrongType } from '../common/field.decorators.js';
import type { CompletionOutcomeDto, Outcome } from './completion.dto.js';
import { jsonOfField, partOfField, wholeText, type JsonPart } from './json-part.js';
import { epochOfToken } from './lease-token.js';

const MAX_TEXT = 512;
const DEFAULT_STATUS = 200;
const FIRST_FAILURE = 400;
/** What of a result is not its body. */
const ENVELOPE: ReadonlySet<string> = new Set(['status_code', 'request_id', 'body', 'lease_token']);

const OUTCOME: Readonly<Record<HolderVerdict, Outcome>> = {
  done: 'recorded',
  repeated: 'recorded',
  lost: 'stale',
  late: 'ignored',
  unknown: 'unknown',
};

/** `token`: shown beside the result; else the one in the result counts. */
export function toCompletion(taskId: string, result: JsonPart, token: string | null): CompleteCall {
  const statusCode = statusOf(result);
  const { body, json } = bodyOf(result);
  return {
    taskId,
    epoch: epochOfToken(taskId, token ?? textField(result, 'lease_token')),
    statusCode,
    requestId: textField(result, 'request_id'),
    body: json,
    usage: statusCode < FIRST_FAILURE ? usageOf(body) : null,
  };
}

/** An item of a list of completions. */
export function toListedCompletion(item: JsonPart): CompleteCall {
  const taskId = requiredText(item, 'task_id');
  const { result } = item.value;
  if (!isObject(result)) throw wrongType(`${item.path}result`, 'an object', result);
  return toCompletion(taskId, partOfField(item, 'result'), textField(item, 'lease_token'));
}

export function toOutcome({ taskId }: CompleteCall, verdict: HolderVerdict): CompletionOutcomeDto {
  return { task_id: taskId, outcome: OUTCOME[verdict] };
}

/** A number or, as some workers write it, its digits. Codes below 200 are no answers but announce one. */
function statusOf({ value: { status_code: value }, path }: JsonPart): number {
  if (!isGiven(value)) return DEFAULT_STATUS;
  const status = typeof value === 'string' && /^\d{3}$/.test(value) ? Number(value) : value;
  if (Number.isInteger(status) && (status as number) >= 200 && (status as number) <= 599) return status as number;
  const param = `${path}status_code`;
  throw new MillraceError('invalid_value', `Invalid '${param}': expected an HTTP status from 200 to 599.`, { param });
}

/** Nothing that a worker says is lost: where it has no `body`, all the rest is it. */
function bodyOf(result: JsonPart): { body: unknown; json: string } {
  const { value } = result;
  if (isGiven(value['body'])) return { body: value['body'], json: jsonOfField(result, 'body') };
  const names = Object.keys(value);
  const rest = names.filter((name) => !ENVELOPE.has(name));
  if (rest.length === names.length) return { body: value, json: wholeText(result) };
  const body = Object.fromEntries(rest.map((name) => [name, value[name]]));
  wholeText(result); // refuses what is nested too deeply to be written
  return { body, json: JSON.stringify(body) };
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
