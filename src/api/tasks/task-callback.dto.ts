import { ApiProperty } from '@nestjs/swagger';
import { CALLBACK_STATES } from '../../kernel/callback-state.js';
import type { Callback } from '../../modules/callbacks/callbacks.service.js';

class CallbackAttemptDto {
  @ApiProperty({ type: 'integer', example: 1_795_370_000_900 })
  start_time: number;

  @ApiProperty({ type: 'integer', description: 'Milliseconds.', example: 87 })
  took_ms: number;

  @ApiProperty({ type: 'integer', nullable: true, example: 503 })
  status_code: number | null;

  @ApiProperty({ type: 'string', nullable: true, example: 'the receiver answered with status 503' })
  error: string | null;

  @ApiProperty({ type: 'string', nullable: true, description: 'The beginning of what it said.', example: 'not now' })
  answer: string | null;
}

export class CallbackDto {
  @ApiProperty({ example: 'callback_0198f3a2c4d57b1e8a3f5c6d7e8f9a0b', description: 'Also its `webhook-id`.' })
  id: string;

  @ApiProperty({ example: 'https://example.com/hooks/answers' })
  url: string;

  @ApiProperty({ enum: CALLBACK_STATES })
  state: string;

  @ApiProperty({ type: 'integer', example: 1 })
  tries: number;

  @ApiProperty({ type: 'integer', nullable: true, description: 'When it is tried next.', example: 1_795_370_005_900 })
  next_time: number | null;

  @ApiProperty({ type: 'integer', example: 1_795_370_000_812 })
  created_time: number;

  @ApiProperty({ type: 'integer', nullable: true, description: 'When it was taken or given up.', example: null })
  ended_time: number | null;

  @ApiProperty({ type: [CallbackAttemptDto], description: 'Oldest first.' })
  attempts: CallbackAttemptDto[];
}

export class CallbackListDto {
  @ApiProperty({ type: [CallbackDto] })
  data: CallbackDto[];
}

export function toCallbackDto({ attempts, nextAt, createdAt, endedAt, ...callback }: Callback): CallbackDto {
  return {
    ...callback,
    next_time: nextAt,
    created_time: createdAt,
    ended_time: endedAt,
    attempts: attempts.map(({ startedAt, tookMs, statusCode, error, answer }) => {
      return { start_time: startedAt, took_ms: tookMs, status_code: statusCode, error, answer };
    }),
  };
}
