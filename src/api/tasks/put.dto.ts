import { ApiProperty } from '@nestjs/swagger';
import { MillraceError } from '../../kernel/errors.js';
import { isLevel, MAX_LEVEL, MIN_LEVEL } from '../../kernel/lane.js';
import type { SingleMode } from '../../modules/tasks/task-requests.js';
import {
  isGiven,
  IntegerField,
  isObject,
  RuleField,
  TextField,
  wrongType,
  type Judge,
} from '../common/field.decorators.js';

const SINGLE_MODES: readonly SingleMode[] = ['callback', 'blocking', 'streaming'];
const MAX_SECONDS = 30 * 86_400;
/** Year 2286. */
const MAX_INSTANT = 9_999_999_999_999;
export const MAX_BULK = 1_000;

const judgeData: Judge = (value, path) => {
  if (isGiven(value)) return isObject(value) ? null : wrongType(path, 'an object', value);
  return new MillraceError('missing_required_parameter', 'data cannot be null', { param: path });
};

const judgeLevel: Judge = (value, path) => {
  if (!Number.isInteger(value)) return wrongType(path, 'an integer', value);
  if (isLevel(value as number)) return null;
  const text = `Unknown queue level: ${value as number}. There are ${MIN_LEVEL} to ${MAX_LEVEL}.`;
  return new MillraceError('invalid_value', text, { param: path });
};

const judgeMode: Judge = (value, path) => {
  if (typeof value !== 'string') return wrongType(path, 'a string', value);
  if (SINGLE_MODES.includes(value as SingleMode)) return null;
  const text = `Unsupported response mode: ${value.slice(0, 100)}`;
  return new MillraceError('invalid_value', text, { param: path });
};

export class PutDto {
  @TextField({
    about:
      'What the task is for: the path at an upstream. Tasks with a `type`, and those for functions, may go without.',
    example: '/v1/chat/completions',
    maxLength: 200,
    isOptional: true,
  })
  endpoint?: string | null;

  @RuleField(judgeData, {
    about: 'The work itself: what the model or worker gets, just as it is written here.',
    example: { model: 'demo-small', messages: [{ role: 'user', content: 'Hello!' }] },
    schema: { type: 'object', additionalProperties: true },
  })
  data: Record<string, unknown>;

  @TextField({
    about: 'Where it waits. Left out: the queue of the endpoint that serves the model, as with batches.',
    example: 'chat',
    maxLength: 64,
    isOptional: true,
  })
  queue?: string | null;

  @RuleField(judgeLevel, {
    about: '0 is online work and goes first; 1 to 9 wait until nothing below them does. 0 if left out.',
    example: 0,
    isOptional: true,
    schema: { type: 'integer', minimum: MIN_LEVEL, maximum: MAX_LEVEL },
  })
  level?: number | null;

  @RuleField(judgeMode, {
    about:
      '`callback`: the id at once, the answer later. `blocking`: the answer itself, with its status. `streaming`: the ' +
      "task's events as they come.",
    example: 'callback',
    isOptional: true,
    schema: { type: 'string', enum: [...SINGLE_MODES] },
  })
  response_mode?: SingleMode | null;

  @TextField({
    about: 'Where the result is sent when there is one: signed, and again until it is taken.',
    example: 'https://example.com/hooks/answers',
    maxLength: 2_048,
    isOptional: true,
  })
  callback_url?: string | null;

  @IntegerField({
    min: -1,
    max: MAX_SECONDS,
    about:
      'Seconds. Blocking and streaming: how long you wait, 300 if left out and 600 at most. Callback: how long the task may ' +
      'take, a day if left out.',
    example: 300,
    isOptional: true,
  })
  timeout?: number | null;

  @IntegerField({
    min: 0,
    max: MAX_SECONDS,
    about: 'Seconds before which nobody gets it.',
    example: 0,
    isOptional: true,
  })
  delay?: number | null;

  @IntegerField({
    min: 0,
    max: MAX_INSTANT,
    about: 'The same as an instant, in epoch milliseconds.',
    isOptional: true,
  })
  not_before?: number | null;

  @TextField({
    about: 'A name of your own; comes with the task.',
    example: 'order-7',
    maxLength: 200,
    isOptional: true,
  })
  trace_id?: string | null;

  @TextField({ about: 'Which of the functions of this server runs it.', maxLength: 200, isOptional: true })
  type?: string | null;
}

const PUT_EXAMPLE = {
  endpoint: '/v1/chat/completions',
  queue: 'chat',
  level: 1,
  data: { model: 'demo-small', messages: [{ role: 'user', content: 'Hello!' }] },
};

/** By response mode. */
export const PUT_EXAMPLES = {
  callback: { value: { ...PUT_EXAMPLE, callback_url: 'https://example.com/hooks/answers' } },
  blocking: { value: { ...PUT_EXAMPLE, level: 0, response_mode: 'blocking', timeout: 60 } },
  streaming: {
    value: { ...PUT_EXAMPLE, level: 0, response_mode: 'streaming', data: { ...PUT_EXAMPLE.data, stream: true } },
  },
};

const judgeTasks: Judge = (value, path) => {
  if (!Array.isArray(value)) return wrongType(path, 'an array', value);
  if (value.length > 0 && value.length <= MAX_BULK) return null;
  const text = `Invalid '${path}': expected 1 to ${MAX_BULK} tasks, but got ${value.length} instead.`;
  return new MillraceError('invalid_value', text, { param: path });
};

export class BulkPutDto {
  @RuleField(judgeTasks, {
    about: `Up to ${MAX_BULK} bodies of \`put\`, in callback mode.`,
    example: [PUT_EXAMPLE, { ...PUT_EXAMPLE, level: 0 }],
    schema: { type: 'array', minItems: 1, maxItems: MAX_BULK, items: { type: 'object', additionalProperties: true } },
  })
  tasks: unknown[];
}

export class PutReceiptDto {
  @ApiProperty({ type: 'integer', example: 200 })
  code: number;

  @ApiProperty({ type: 'integer', example: 1_795_370_000_000 })
  timestamp: number;

  @ApiProperty({ description: 'The id of the task.', example: 'task_0198f3a2c4d57b1e8a3f5c6d7e8f9a0b' })
  data: string;
}

class BulkErrorDto {
  @ApiProperty({ type: 'integer', example: 400 })
  code: number;

  @ApiProperty({ example: 'data cannot be null' })
  message: string;
}

/** One of the two. */
export class BulkResultDto {
  @ApiProperty({ required: false, example: 'task_0198f3a2c4d57b1e8a3f5c6d7e8f9a0b' })
  task_id?: string;

  @ApiProperty({ required: false })
  error?: BulkErrorDto;
}

export class BulkResultsDto {
  @ApiProperty({ type: [BulkResultDto] })
  results: BulkResultDto[];
}
