import { ApiProperty } from '@nestjs/swagger';
import { MillraceError } from '../../kernel/errors.js';
import { CONSUMERS } from '../../modules/queues/queue.js';
import { isGiven, RuleField, wrongType, type Judge } from '../common/field.decorators.js';

const MAX_NAME = 64;
const MAX_ENDPOINT = 200;
const ENDPOINT = '/v1/chat/completions';

const judgeName: Judge = (value, path) => {
  const refuse = (text: string) => new MillraceError('invalid_value', text, { param: path });
  if (!isGiven(value) || value === '') return refuse('queue cannot be empty');
  if (typeof value !== 'string') return wrongType(path, 'a string', value);
  if (value.length > MAX_NAME) return refuse(`queue name cannot exceed ${MAX_NAME} characters`);
  if (/^[A-Za-z0-9_-]+$/.test(value)) return null;
  return refuse('queue name can only contain alphanumeric characters, underscores, and hyphens');
};

const judgeEndpoint: Judge = (value, path) => {
  const refuse = (text: string) => new MillraceError('invalid_value', text, { param: path });
  if (!isGiven(value) || value === '') return refuse('endpoint cannot be empty');
  if (typeof value !== 'string') return wrongType(path, 'a string', value);
  if (value.trim() === '') return refuse('endpoint cannot be empty');
  if (value.length > MAX_ENDPOINT) return refuse(`endpoint cannot exceed ${MAX_ENDPOINT} characters`);
  if (!value.isWellFormed() || value.includes('\0')) {
    return refuse('endpoint holds a NUL character or half of a surrogate pair');
  }
  // Its workers know what it means, so any name will do, and need not be a path; white space in it is a slip.
  return /[\s\p{Cc}]/u.test(value) ? refuse(`endpoint holds white space: expected a path such as '${ENDPOINT}'`) : null;
};

export class RegisterQueueDto {
  @RuleField(judgeName, {
    about: "Its name: letters, digits, '_' and '-'.",
    example: 'chat',
    schema: { type: 'string', minLength: 1, maxLength: MAX_NAME },
  })
  queue: string;

  @RuleField(judgeEndpoint, {
    about: 'What its tasks are for.',
    example: ENDPOINT,
    schema: { type: 'string', minLength: 1, maxLength: MAX_ENDPOINT },
  })
  endpoint: string;
}

export class QueueMetadataDto {
  @ApiProperty({ required: false, description: 'Left out where it takes any.', example: ENDPOINT })
  endpoint?: string;

  @ApiProperty({ example: 'chat' })
  queue: string;
}

export class LaneWorkerDto {
  @ApiProperty({ example: 'gpu-1' })
  id: string;

  @ApiProperty({ type: 'integer', description: 'Tasks of it that it holds; 0: it only asks for some.', example: 3 })
  held: number;

  @ApiProperty({ type: 'integer', description: 'Epoch ms.', example: 1_795_370_000_000 })
  last_seen_time: number;
}

class FiguresDto {
  @ApiProperty({ example: 'chat' })
  queue: string;

  @ApiProperty({ type: 'integer', description: 'Tasks that ever came in.', example: 1_200 })
  total_put_cnt: number;

  @ApiProperty({ type: 'integer', description: 'How often tasks were taken.', example: 1_100 })
  total_loaded_cnt: number;

  @ApiProperty({ type: 'integer', description: 'Tasks that ever completed.', example: 1_090 })
  total_completed_cnt: number;

  @ApiProperty({
    type: 'integer',
    description: 'How often tasks failed for good, ever; also those that were sent back or dropped since.',
    example: 2,
  })
  total_failed_cnt: number;

  @ApiProperty({ type: 'integer', description: 'Tasks that ever expired.', example: 0 })
  total_expired_cnt: number;

  @ApiProperty({ type: 'integer', description: 'Tasks that were ever cancelled.', example: 0 })
  total_cancelled_cnt: number;

  @ApiProperty({ description: 'When the queue was made.', example: '2026-11-22T20:13:20.000' })
  ctime: string;

  @ApiProperty({ description: 'When it was last changed.', example: '2026-11-22T20:13:20.000' })
  mtime: string;

  @ApiProperty({ type: 'integer', description: 'Tasks that wait to be taken, now.', example: 98 })
  ready: number;

  @ApiProperty({ type: 'integer', description: 'Tasks that wait for a time, such as their next try, now.', example: 2 })
  scheduled: number;

  @ApiProperty({ type: 'integer', description: 'Tasks that are being worked on, now.', example: 8 })
  leased: number;

  @ApiProperty({ type: 'integer', description: 'The same as `total_completed_cnt`: ever, not now.', example: 1_090 })
  completed: number;

  @ApiProperty({
    type: 'integer',
    description: 'The same as `total_failed_cnt`: ever, not the dead letters that there are now.',
    example: 2,
  })
  failed: number;

  @ApiProperty({ type: 'number', description: 'Tasks that came in, over the last minute.', example: 14.2 })
  put_per_second: number;

  @ApiProperty({ type: 'number', description: 'Tasks that were taken, over the last minute.', example: 12.6 })
  taken_per_second: number;

  @ApiProperty({ type: 'number', description: 'Over the last minute.', example: 12.5 })
  completed_per_second: number;

  @ApiProperty({
    type: 'integer',
    nullable: true,
    description: 'Of the task that waits longest; null when none does.',
    example: 8_100,
  })
  oldest_age_ms: number | null;

  @ApiProperty({ enum: CONSUMERS, isArray: true, example: ['pull'] })
  consumers: string[];

  @ApiProperty({
    type: [LaneWorkerDto],
    description: 'Workers that hold tasks of it, or asked for some in the last two minutes.',
  })
  workers: LaneWorkerDto[];

  @ApiProperty({ type: [String], description: 'Why ready tasks do not move.', example: ["the queue 'chat' is paused"] })
  reasons: string[];
}

/** A queue at one level. */
export class LaneFiguresDto extends FiguresDto {
  @ApiProperty({ type: 'integer', example: 7 })
  id: number;

  @ApiProperty({ type: 'integer', example: 1 })
  level: number;

  @ApiProperty({ description: 'Always empty: tasks are kept in one place.', example: '' })
  last_wrote_sharding_key: string;

  @ApiProperty({ type: 'integer', description: 'The place of the last task that came in, from 1.', example: 1_200 })
  last_wrote_id: number;

  @ApiProperty({ description: 'Always empty, as well.', example: '' })
  last_scanned_sharding_key: string;

  @ApiProperty({ type: 'integer', description: 'That place, less the tasks that still wait.', example: 1_100 })
  last_scanned_id: number;

  @ApiProperty({ type: 'integer', description: 'The number of the tenant whose queue it is.', example: 3 })
  cuid: number;

  @ApiProperty({ type: 'integer', description: 'The same.', example: 3 })
  muid: number;

  @ApiProperty({ description: 'The name of that tenant.', example: 'acme' })
  cu_name: string;

  @ApiProperty({ description: 'The same.', example: 'acme' })
  mu_name: string;
}

/** A queue over all its levels. */
export class QueueFiguresDto extends FiguresDto {
  @ApiProperty({ type: 'integer', description: 'Dead letters that it has now; batch lines are none.', example: 1 })
  dead_letters: number;

  @ApiProperty({ type: [LaneFiguresDto], description: 'Each level that it has.' })
  levels: LaneFiguresDto[];
}

export class UsableQueueDto {
  @ApiProperty({ example: 'chat' })
  queue: string;

  @ApiProperty({ required: false, example: ENDPOINT })
  endpoint?: string;

  @ApiProperty({ type: [String], example: ['demo-small'] })
  models: string[];

  @ApiProperty({ enum: CONSUMERS, isArray: true, example: ['pull'] })
  consumers: string[];

  @ApiProperty({ description: 'Whether all tenants may put tasks into it.', example: false })
  is_shared: boolean;

  @ApiProperty({ description: 'Whether it hands out nothing just now.', example: false })
  is_paused: boolean;
}

export class UsableQueuesDto {
  @ApiProperty({ type: [UsableQueueDto] })
  data: UsableQueueDto[];
}
