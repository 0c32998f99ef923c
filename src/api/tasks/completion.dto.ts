import { ApiProperty } from '@nestjs/swagger';
import { AnyField, ObjectListField, TextField } from '../common/field.decorators.js';

export const TASK_ID = 'task_0198f3a2c4d57b1e8a3f5c6d7e8f9a0b';
export const LEASE_TOKEN = '7e8f9a0b-1';
/** What a worker may report on in one request. */
export const MAX_REPORTS = 1_000;

const RESULT = { status_code: 200, body: { choices: [{ message: { role: 'assistant', content: 'Hi' } }] } };

/** What a worker answers. What else is in it is kept beside `body`; where there is neither `body` nor `error`, it is the body. */
export class ResultDto {
  @ApiProperty({ required: false, type: 'integer', default: 200, description: 'The HTTP status of the answer.' })
  status_code?: number | string;

  @ApiProperty({ required: false, example: 'req_7f3a', description: 'What the worker or its model calls this answer.' })
  request_id?: string;

  @AnyField({ about: 'The answer itself: any JSON.', example: RESULT.body, isOptional: true })
  body?: unknown;

  @AnyField({
    about:
      'What went wrong, whatever the status: any JSON. A stream ends with an event `error` that says it; in the result and ' +
      'in a callback it stands beside `body`, as do all further fields. The output of a batch has `body` only.',
    example: { code: 'cut_off', message: 'The model stopped early.' },
    isOptional: true,
  })
  error?: unknown;

  @ApiProperty({ required: false, example: LEASE_TOKEN, description: 'Here or in the header.' })
  lease_token?: string;
}

export class CompletionDto {
  @TextField({ about: 'Which task.', example: TASK_ID })
  task_id: string;

  @TextField({ about: 'As it came with the task.', example: LEASE_TOKEN, isOptional: true })
  lease_token?: string | null;

  @AnyField({ about: 'The answer: `status_code`, `request_id` and `body`.', example: RESULT })
  result: unknown;
}

export class CompletionsDto {
  @ObjectListField(CompletionDto, { about: 'Answers to many tasks.', maxItems: MAX_REPORTS })
  completions: Record<string, unknown>[];
}

export const OUTCOMES = ['recorded', 'ignored', 'stale', 'unknown'] as const;
export type Outcome = (typeof OUTCOMES)[number];

export class CompletionOutcomeDto {
  @ApiProperty({ example: TASK_ID })
  task_id: string;

  @ApiProperty({
    enum: OUTCOMES,
    description:
      '`recorded`; `ignored`: without a token, and the task had ended; `stale`: the token is that of no lease any more; ' +
      '`unknown`: no such task in your queues.',
  })
  outcome: Outcome;
}

export class CompletionOutcomesDto {
  @ApiProperty({ type: [CompletionOutcomeDto], description: 'In the order of the completions.' })
  results: CompletionOutcomeDto[];
}
