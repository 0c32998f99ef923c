import { ApiProperty } from '@nestjs/swagger';
import { TextField, TextListField } from '../common/field.decorators.js';
import { MAX_REPORTS, TASK_ID } from './completion.dto.js';

/** All dead letters of a queue, or some. */
export class DeadLetterChoiceDto {
  @TextField({ about: 'All of this queue.', example: 'chat', minLength: 1, maxLength: 64, isOptional: true })
  queue?: string | null;

  @TextListField({
    about: 'Or these.',
    example: [TASK_ID],
    maxItems: MAX_REPORTS,
    maxLength: 100,
    isOptional: true,
  })
  task_ids?: string[] | null;
}

export const CHOICE_EXAMPLES = {
  queue: { value: { queue: 'chat' } },
  tasks: { value: { task_ids: [TASK_ID] } },
};

export class RedrivenDto {
  @ApiProperty({ type: 'integer', example: 12, description: 'How many tasks are ready again.' })
  redriven: number;
}

export class RedrivenTaskDto {
  @ApiProperty({ example: TASK_ID })
  task_id: string;

  @ApiProperty({ enum: ['ready'] })
  state: 'ready';
}

export class DroppedDto {
  @ApiProperty({ type: 'integer', example: 12, description: 'How many tasks are gone.' })
  dropped: number;
}

export class DroppedTaskDto {
  @ApiProperty({ example: TASK_ID })
  task_id: string;

  @ApiProperty({ enum: [true] })
  deleted: true;
}

export const DEAD_LETTERS_EXAMPLE = {
  data: [
    {
      task_id: TASK_ID,
      endpoint: '/v1/chat/completions',
      queue: 'chat',
      level: 0,
      data: { model: 'demo-small', messages: [{ role: 'user', content: 'Hello' }] },
      status: 'failed',
      state: 'failed',
      tries: 3,
      start_time: 1_795_370_000_000,
      completed_time: 1_795_370_060_000,
      response_mode: 'callback',
      error: { code: 'out_of_memory', message: 'The GPU ran out of memory.' },
      attempts_count: 3,
      attempts: [
        {
          worker: 'gpu-1',
          started_at: 1_795_370_050_000,
          ended_at: 1_795_370_060_000,
          outcome: 'failed',
          detail: 'out_of_memory: The GPU ran out of memory.',
        },
      ],
    },
  ],
  has_more: false,
  last_id: TASK_ID,
};
