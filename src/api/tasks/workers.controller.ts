import { Controller, Get, Query } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiQuery, ApiTags } from '@nestjs/swagger';
import type { Caller } from '../../modules/access/caller.js';
import { PullService } from '../../modules/tasks/pull.service.js';
import type { WorkerView } from '../../modules/tasks/task-requests.js';
import type { StreamAddress } from '../../ports/report-streams.js';
import { CurrentCaller } from '../common/caller.decorator.js';
import { readText, type Query as QueryParameters } from '../common/page.js';
import { NO_EVENT_BUS_EXAMPLE, ReportIntake } from './report-intake.js';
import { TaskErrors, TaskScopes } from './task-docs.decorators.js';
import { WorkerListDto, type WorkerViewDto } from './worker.dto.js';

const EVENT_BUS_EXAMPLE = {
  url: 'redis://reporter:password@127.0.0.1:6379/0',
  topic: '{millrace:millrace}:eventbus:pGm3xq0VtTt0oPzS4VZlbGxhLXF1ZXVl:',
};

@ApiTags('Tasks: workers')
@TaskScopes('worker')
@Controller('v1/queue')
export class WorkersController {
  constructor(
    private readonly pull: PullService,
    private readonly reports: ReportIntake,
  ) {}

  @Get('workers')
  @ApiOperation({
    summary: 'List workers, who was here last first',
    description:
      'Those that take, or have named themselves in a heartbeat, with what each asks for and what it holds. All that take ' +
      'without a name are one for each key, named by its id.',
  })
  @ApiQuery({
    name: 'queue',
    required: false,
    schema: { type: 'string' },
    description: 'Only those that ask for tasks of this queue, or hold some',
  })
  @ApiOkResponse({ type: WorkerListDto })
  async list(@CurrentCaller() { tenantSeq }: Caller, @Query() query: QueryParameters): Promise<WorkerListDto> {
    const queueName = readText(query, 'queue');
    const workers = await this.pull.workers(tenantSeq);
    const wanted = workers.filter(({ asked, held }) => {
      return queueName === null || [...asked, ...held].some((lane) => lane.queueName === queueName);
    });
    return { data: wanted.map(toWorkerView) };
  }

  @Get('eventbus')
  @ApiOperation({
    summary: 'Where workers may report over Redis',
    description:
      'In distributed mode, where the operator has set it up, for tenants with a queue that is marked `eventbus`. A worker ' +
      'adds its reports to the stream that is named `topic` and the `instance_id` of the task. Keep both to yourself.',
  })
  @ApiOkResponse({
    description: 'Where it is',
    schema: {
      type: 'object',
      required: ['url', 'topic'],
      properties: { url: { type: 'string' }, topic: { type: 'string' } },
      example: EVENT_BUS_EXAMPLE,
    },
  })
  @TaskErrors({ 404: NO_EVENT_BUS_EXAMPLE })
  eventBus(@CurrentCaller() { tenantSeq }: Caller): StreamAddress {
    return this.reports.addressFor(tenantSeq);
  }
}

function toWorkerView({ name, capacity, lastSeenAt, asked, held }: WorkerView): WorkerViewDto {
  return {
    id: name,
    capacity,
    last_seen_at: lastSeenAt,
    queues: asked.map(({ queueName, level }) => `${queueName}:${level}`).sort(),
    held: held.map(({ queueName, level, count, oldestLeasedAt, nextLeaseEnd }) => ({
      queue: queueName,
      level,
      count,
      oldest_leased_at: oldestLeasedAt,
      next_lease_end: nextLeaseEnd ?? 0,
    })),
  };
}
