import { Controller, Get, Query } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiQuery, ApiTags } from '@nestjs/swagger';
import { MillraceError } from '../../kernel/errors.js';
import type { Caller } from '../../modules/access/caller.js';
import { PullService } from '../../modules/tasks/pull.service.js';
import type { WorkerView } from '../../modules/tasks/task-requests.js';
import { CurrentCaller } from '../common/caller.decorator.js';
import { readText, type Query as QueryParameters } from '../common/page.js';
import { TaskErrors, TaskScopes } from './task-docs.decorators.js';
import { WorkerListDto, type WorkerViewDto } from './worker.dto.js';

const NO_EVENT_BUS =
  'This server has no event bus that workers could report over: that needs a Redis of distributed mode. Report with ' +
  'POST /v1/queue/{id}/progress and POST /v1/queue/{id}/complete instead; blocking and streaming callers get both.';
const EVENT_BUS_EXAMPLE = { url: 'redis://127.0.0.1:6379/0', topic: 'millrace:events:' };

@ApiTags('Tasks: workers')
@TaskScopes('worker')
@Controller('v1/queue')
export class WorkersController {
  constructor(private readonly pull: PullService) {}

  @Get('workers')
  @ApiOperation({
    summary: 'List workers, who was here last first',
    description: 'Those that have named themselves in a take or a heartbeat, with what each holds.',
  })
  @ApiQuery({ name: 'queue', required: false, description: 'Only those that hold tasks of this queue' })
  @ApiOkResponse({ type: WorkerListDto })
  async list(@CurrentCaller() { tenantSeq }: Caller, @Query() query: QueryParameters): Promise<WorkerListDto> {
    const queueName = readText(query, 'queue');
    const workers = (await this.pull.workers(tenantSeq)).map(toWorkerView);
    if (queueName === null) return { data: workers };
    return { data: workers.filter(({ held }) => held.some(({ queue }) => queue === queueName)) };
  }

  @Get('eventbus')
  @ApiOperation({ summary: 'Where workers could report over Redis', description: 'In distributed mode only.' })
  @ApiOkResponse({ description: 'Where it is', schema: { example: EVENT_BUS_EXAMPLE } })
  @TaskErrors({ 404: NO_EVENT_BUS })
  eventBus(): never {
    throw new MillraceError('not_found', NO_EVENT_BUS);
  }
}

function toWorkerView({ name, capacity, lastSeenAt, held }: WorkerView): WorkerViewDto {
  return {
    id: name,
    capacity,
    last_seen_at: lastSeenAt,
    held: held.map(({ queueName, level, count, oldestLeasedAt, nextLeaseEnd }) => ({
      queue: queueName,
      level,
      count,
      oldest_leased_at: oldestLeasedAt,
      next_lease_end: nextLeaseEnd ?? 0,
    })),
  };
}
