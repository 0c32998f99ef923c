import { ApiProperty } from '@nestjs/swagger';
import {
  AnyField,
  BooleanField,
  IntegerField,
  NestedField,
  RuleField,
  ObjectListField,
  TextField,
  type FieldDocumentation,
} from '../common/field.decorators.js';
import { LEASE_TOKEN, MAX_REPORTS, TASK_ID } from './completion.dto.js';
import { WorkerDto } from './take.dto.js';

const MAX_SECONDS = 30 * 86_400;
const MAX_ERROR_CODE = 100;
const MAX_ERROR_MESSAGE = 8_000;

function TokenField(isOptional: boolean): PropertyDecorator {
  return TextField({ about: 'As it came with the task.', example: LEASE_TOKEN, maxLength: 100, isOptional });
}

function SecondsField(documentation: FieldDocumentation & { min: number }): PropertyDecorator {
  return IntegerField({ max: MAX_SECONDS, example: 60, isOptional: true, ...documentation });
}

const EXTEND = { min: 1, about: 'Seconds the lease lasts from now on; left out, as long as it was given for.' };

/** Its mapper says what is wrong with one; a whole number will do. */
function EventIdField(): PropertyDecorator {
  return RuleField(() => null, { about: ID_OF_EVENT, example: '1', isOptional: true, schema: { type: 'string' } });
}

export class HeartbeatDto {
  @TokenField(false)
  lease_token: string;

  @SecondsField(EXTEND)
  extend_seconds?: number | null;
}

export class HeldLeaseDto {
  @TextField({ about: 'Which task.', example: TASK_ID })
  task_id: string;

  @TokenField(false)
  lease_token: string;
}

export class HeartbeatsDto {
  @ObjectListField(HeldLeaseDto, { about: 'All that the worker holds.', maxItems: MAX_REPORTS })
  leases: Record<string, unknown>[];

  @SecondsField(EXTEND)
  extend_seconds?: number | null;

  @NestedField(WorkerDto, { about: 'Who holds them; seen in the list of workers.', isOptional: true })
  worker?: WorkerDto | null;
}

export class KeptLeaseDto {
  @ApiProperty({ example: TASK_ID })
  task_id: string;

  @ApiProperty({ type: 'integer', example: 1_795_370_030_000, description: 'Epoch ms; 0: until the task expires.' })
  lease_until: number;
}

export class KeptAloneDto extends KeptLeaseDto {
  @ApiProperty({ type: [String], example: [], description: 'Always empty: a lease that is gone is answered with 409.' })
  gone: string[];
}

export class KeptLeasesDto {
  @ApiProperty({ type: [KeptLeaseDto], description: 'The leases that hold.' })
  alive: KeptLeaseDto[];

  @ApiProperty({ type: [String], example: [TASK_ID], description: 'Tasks to drop: cancelled, or leased to others.' })
  gone: string[];
}

const ID_OF_EVENT = 'Its id, for readers who come back: a string or an integer.';

export class ProgressEventDto {
  @EventIdField()
  event_id?: string | number | null;

  @TextField({ about: 'Its name.', example: 'message', isOptional: true })
  event_name?: string | null;

  @AnyField({ about: 'What it says: any JSON.', example: { choices: [{ delta: { content: 'Hel' } }] } })
  event_data: unknown;
}

/** One event, or several in `events`. */
export class ProgressDto {
  @TokenField(true)
  lease_token?: string | null;

  @EventIdField()
  event_id?: unknown;

  @TextField({ about: 'Its name.', example: 'message', isOptional: true })
  event_name?: string | null;

  @AnyField({ about: 'What it says: any JSON.', example: { choices: [] }, isOptional: true })
  event_data?: unknown;

  @ObjectListField(ProgressEventDto, { about: 'Several in their order.', maxItems: MAX_REPORTS, isOptional: true })
  events?: Record<string, unknown>[] | null;
}

const EVENT_EXAMPLE = { event_id: '1', event_name: 'message', event_data: { choices: [] } };

export const PROGRESS_EXAMPLES = {
  one: { value: { lease_token: LEASE_TOKEN, ...EVENT_EXAMPLE } },
  several: { value: { lease_token: LEASE_TOKEN, events: [EVENT_EXAMPLE, { ...EVENT_EXAMPLE, event_id: '2' }] } },
};

export class ProgressedDto {
  @ApiProperty({ example: TASK_ID })
  task_id: string;

  @ApiProperty({ type: 'integer', example: 1, description: 'How many events came in.' })
  events: number;
}

export class TaskFailureDto {
  @TextField({
    about: 'For programs.',
    example: 'out_of_memory',
    minLength: 1,
    maxLength: MAX_ERROR_CODE,
    isOptional: true,
  })
  code?: string | null;

  @TextField({ about: 'For people.', example: 'The GPU ran out of memory.', maxLength: MAX_ERROR_MESSAGE })
  message: string;
}

export class FailDto {
  @TokenField(true)
  lease_token?: string | null;

  @NestedField(TaskFailureDto, { about: 'What went wrong.', isOptional: true })
  error?: TaskFailureDto | null;

  @SecondsField({ min: 0, about: "When to try again; left out, as the queue's retry policy says." })
  retry_after?: number | null;

  @BooleanField({ about: 'Whether trying again makes sense; true if left out.', example: true, isOptional: true })
  retryable?: boolean | null;
}

export class ReleaseDto {
  @TokenField(true)
  lease_token?: string | null;
}

export class ReturnedTaskDto {
  @ApiProperty({ example: TASK_ID })
  task_id: string;

  @ApiProperty({ enum: ['ready', 'scheduled', 'failed'] })
  state: string;
}
