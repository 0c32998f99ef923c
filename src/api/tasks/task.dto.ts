import { ApiProperty } from '@nestjs/swagger';
import { TASK_STATES } from '../../kernel/task-state.js';
import { TextListField } from '../common/field.decorators.js';

export const TASK_EXAMPLE_ID = 'task_0198f3a2c4d57b1e8a3f5c6d7e8f9a0b';
export const MAX_IDS = 500;

/** A task as it is shown; what there is nothing to say of is left out. See `task.mapper.ts`. */
export class TaskDto {
  @ApiProperty({ example: TASK_EXAMPLE_ID })
  task_id: string;

  @ApiProperty({ required: false, description: 'Of a line of a batch.' })
  custom_id?: string;

  @ApiProperty({ required: false, description: 'Of a line of a batch.' })
  batch_id?: string;

  @ApiProperty({
    required: false,
    example: 'order-7',
    description: 'As it was put; of a line, `BATCH-` and the id of its batch.',
  })
  trace_id?: string;

  @ApiProperty({ required: false, description: 'The id of the key that put it.' })
  ak?: string;

  @ApiProperty({ required: false, example: '/v1/chat/completions' })
  endpoint?: string;

  @ApiProperty({ example: 'chat' })
  queue: string;

  @ApiProperty({ type: 'integer', example: 0 })
  level: number;

  @ApiProperty({ required: false, type: Object, example: { model: 'demo-small' } })
  data?: unknown;

  @ApiProperty({
    required: false,
    type: Object,
    description:
      'When it has ended: `status_code`, `request_id`, `body` and what else its worker said; `error` where there was no answer.',
    example: { status_code: 200, request_id: 'req_1', body: { choices: [] } },
  })
  result?: unknown;

  @ApiProperty({ enum: ['waiting', 'queued', 'succeeded', 'failed', 'timeout', 'cancelled'], example: 'succeeded' })
  status: string;

  @ApiProperty({ enum: TASK_STATES, example: 'completed', description: 'The same, and more exactly.' })
  state: string;

  @ApiProperty({ type: 'integer', example: 0 })
  tries: number;

  @ApiProperty({ type: 'integer', example: 1_795_370_000_000, description: 'When it came in, epoch ms.' })
  start_time: number;

  @ApiProperty({ type: 'integer', example: 812, description: 'From coming in to its answer, ms; 0 without one.' })
  running_time: number;

  @ApiProperty({ type: 'integer', example: 1_795_456_400_000 })
  expire_time: number;

  @ApiProperty({ type: 'integer', example: 1_795_370_000_812, description: 'When it ended; 0 until then.' })
  completed_time: number;

  @ApiProperty({ required: false, type: 'integer', description: 'When it is handed out at the earliest.' })
  available_time?: number;

  @ApiProperty({ required: false })
  callback_url?: string;

  @ApiProperty({ example: 'callback' })
  response_mode: string;
}

export class GetManyDto {
  @TextListField({
    about: `Ids of up to ${MAX_IDS} tasks.`,
    example: [TASK_EXAMPLE_ID],
    maxItems: MAX_IDS,
    maxLength: 100,
  })
  task_ids: string[];
}

export class TasksDto {
  @ApiProperty({ type: [TaskDto], description: 'In the order of the ids; null for one that is not known.' })
  tasks: (TaskDto | null)[];
}

export class TaskListDto {
  @ApiProperty({ type: [TaskDto] })
  data: TaskDto[];

  @ApiProperty({ example: false })
  has_more: boolean;

  @ApiProperty({
    type: 'string',
    nullable: true,
    example: TASK_EXAMPLE_ID,
    description: 'Where the next page starts: give it as `after`. Null when there is nothing.',
  })
  last_id: string | null;
}

export class AttemptDto {
  @ApiProperty({ type: 'integer', example: 1 })
  attempt: number;

  @ApiProperty({ type: 'string', nullable: true, example: 'gpu-1' })
  worker: string | null;

  @ApiProperty({ type: 'integer', example: 1_795_370_000_000 })
  start_time: number;

  @ApiProperty({ type: 'integer', example: 1_795_370_000_812 })
  end_time: number;

  @ApiProperty({ example: 'worker_error', description: 'Why it came to nothing.' })
  outcome: string;

  @ApiProperty({ type: 'integer', nullable: true, example: 500 })
  status_code: number | null;

  @ApiProperty({ type: 'string', nullable: true, example: 'Out of memory.' })
  detail: string | null;
}

export class AttemptListDto {
  @ApiProperty({ type: [AttemptDto] })
  data: AttemptDto[];
}
