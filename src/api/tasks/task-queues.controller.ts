import { Body, Controller, Get, HttpCode, Param, Post, Res } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { MillraceError } from '../../kernel/errors.js';
import { actorOf, type Caller } from '../../modules/access/caller.js';
import { TenantsService } from '../../modules/access/tenants.service.js';
import { QueueStatsService, type LaneStats } from '../../modules/queues/queue-stats.service.js';
import { QueuesService } from '../../modules/queues/queues.service.js';
import { QueueSetupService, USUAL_QUEUE } from '../../modules/setup/queue-setup.service.js';
import { DeadLettersService } from '../../modules/tasks/dead-letters.service.js';
import { PullService } from '../../modules/tasks/pull.service.js';
import { CurrentCaller } from '../common/caller.decorator.js';
import { parseLane } from './lane-name.js';
import { TaskErrors, TaskScopes } from './task-docs.decorators.js';
import {
  LaneFiguresDto,
  QueueFiguresDto,
  UsableQueuesDto,
  QueueMetadataDto,
  RegisterQueueDto,
} from './task-queue.dto.js';
import { toLaneFiguresDto, toMetadataDto, toQueueFiguresDto, toUsableQueueDto } from './task-queue.mapper.js';

const LANE = { name: 'lane', description: 'A queue and a level', example: 'chat:1' };
const UNKNOWN = "No queue is named 'chat'.";
const NO_LANE = "Invalid 'lane': expected the name of a queue and a level from 0 to 9, such as 'chat:0'.";
/** What its clients have always been told of a name that is taken. */
const NAME_IS_TAKEN = '非法的数据';
const NOT_YOURS = 'Access denied. You can only reset queues created by yourself';
/** Every queue has these from the start; others come with their first task. */
const FIRST_LEVELS = [0, 1];

/** Queues as those set them up whose workers pull from them. Operators have `/v1/console/queues`. */
@ApiTags('Tasks: queues')
@Controller('v1')
export class TaskQueuesController {
  constructor(
    private readonly setup: QueueSetupService,
    private readonly queues: QueuesService,
    private readonly stats: QueueStatsService,
    private readonly letters: DeadLettersService,
    private readonly pull: PullService,
    private readonly tenants: TenantsService,
  ) {}

  @Post('queue/register')
  @HttpCode(200)
  @TaskScopes('queues')
  @ApiOperation({ summary: 'Make a queue that workers pull from' })
  @ApiOkResponse({ description: 'Its name', schema: { type: 'string', example: 'chat' } })
  @TaskErrors({ 400: 'queue cannot be empty' })
  async register(
    @CurrentCaller() caller: Caller,
    @Body() { queue: name, endpoint }: RegisterQueueDto,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    await this.setup
      .createFor(caller.tenantSeq, name, { ...USUAL_QUEUE, endpoint, consumers: ['pull'] }, actorOf(caller))
      .catch(asTaken);
    const queue = this.queues.named(caller.tenantSeq, name);
    for (const level of FIRST_LEVELS) if (queue) await this.queues.lane(queue, level);
    sendText(reply, name);
  }

  @Get('queue/list')
  @TaskScopes('queues', 'tasks', 'worker')
  @ApiOperation({ summary: 'List the queues that you can use: your own, and shared ones' })
  @ApiOkResponse({ type: UsableQueuesDto })
  list(@CurrentCaller() { tenantSeq }: Caller): UsableQueuesDto {
    const visible = this.queues.all().filter((queue) => queue.isShared || queue.tenantSeq === tenantSeq);
    return { data: visible.map(toUsableQueueDto) };
  }

  @Get('queue/:queue/metadata')
  @TaskScopes('queues', 'tasks', 'worker')
  @ApiOperation({ summary: 'Describe a queue' })
  @ApiParam({ name: 'queue', example: 'chat' })
  @ApiOkResponse({ type: QueueMetadataDto })
  @TaskErrors({ 404: UNKNOWN })
  metadata(@CurrentCaller() { tenantSeq }: Caller, @Param('queue') name: string): QueueMetadataDto {
    const queue = this.queues.named(tenantSeq, name);
    if (queue) return toMetadataDto(queue);
    throw new MillraceError('not_found', `No queue is named '${name}'.`);
  }

  @Get('queue/:lane/stats')
  @TaskScopes('queues', 'tasks', 'worker')
  @ApiOperation({ summary: 'What a queue of yours holds at a level, and how it moves' })
  @ApiParam(LANE)
  @ApiOkResponse({ type: LaneFiguresDto })
  @TaskErrors({ 400: NO_LANE, 404: "You have no queue named 'chat' with a level 1." })
  async laneStats(@CurrentCaller() caller: Caller, @Param('lane') text: string): Promise<LaneFiguresDto> {
    const { queueName, level } = parseLane(text, 'lane');
    const [stats] = await this.stats.lanes(
      (lane) => lane.queue.tenantSeq === caller.tenantSeq && lane.queue.name === queueName && lane.level === level,
    );
    if (!stats) throw new MillraceError('not_found', `You have no queue named '${queueName}' with a level ${level}.`);
    const [dto] = await this.render(caller, [stats]);
    return dto!;
  }

  @Get('console/queue/stats')
  @TaskScopes('queues', 'tasks', 'worker')
  @ApiOperation({ summary: 'What all your queues hold, at each level that they have' })
  @ApiOkResponse({ type: [LaneFiguresDto] })
  async allStats(@CurrentCaller() caller: Caller): Promise<LaneFiguresDto[]> {
    return this.render(caller, await this.stats.lanes(({ queue }) => queue.tenantSeq === caller.tenantSeq));
  }

  @Get('console/queue/:queue/stats')
  @TaskScopes('queues', 'tasks', 'worker')
  @ApiOperation({ summary: 'What a queue of yours holds over all its levels, how it moves, and who works on it' })
  @ApiParam({ name: 'queue', example: 'chat' })
  @ApiOkResponse({ type: QueueFiguresDto })
  @TaskErrors({ 404: "You have no queue named 'chat'." })
  async queueStats(@CurrentCaller() caller: Caller, @Param('queue') name: string): Promise<QueueFiguresDto> {
    const queue = this.queues.named(caller.tenantSeq, name);
    const row = (await this.setup.list()).find(({ seq }) => seq === queue?.seq);
    if (!queue || !row || queue.tenantSeq !== caller.tenantSeq) {
      throw new MillraceError('not_found', `You have no queue named '${name}'.`);
    }
    const stats = await this.stats.lanes((lane) => lane.queue.seq === queue.seq);
    const levels = await this.render(caller, stats);
    return toQueueFiguresDto(queue, row, levels, await this.letters.count(queue.seq));
  }

  @Post('console/:lane/clear')
  @HttpCode(200)
  @TaskScopes('queues')
  @ApiOperation({ summary: 'Cancel all that waits in a queue of yours at a level', description: 'What runs goes on.' })
  @ApiParam(LANE)
  @ApiOkResponse({ description: 'The queue and level', schema: { type: 'string', example: 'chat:1' } })
  @TaskErrors({ 400: NOT_YOURS, 404: "You have no queue named 'chat'." })
  async clear(@CurrentCaller() caller: Caller, @Param('lane') text: string, @Res() reply: FastifyReply): Promise<void> {
    const { queueName, level } = parseLane(text, 'lane');
    const queue = this.queues.named(caller.tenantSeq, queueName);
    if (!queue) throw new MillraceError('not_found', `You have no queue named '${queueName}'.`);
    if (queue.tenantSeq !== caller.tenantSeq) throw new MillraceError('invalid_request', NOT_YOURS);
    await this.letters.clearLane(caller.tenantSeq, queueName, level, actorOf(caller));
    sendText(reply, text);
  }

  private async render({ tenantSeq }: Caller, stats: readonly LaneStats[]): Promise<LaneFiguresDto[]> {
    const [rows, workers, names] = await Promise.all([
      this.setup.list(),
      this.pull.workers(tenantSeq),
      this.tenants.namesOf([tenantSeq]),
    ]);
    const owner = { name: names.get(tenantSeq) ?? '', workers };
    const bySeq = new Map(rows.map((row) => [row.seq, row]));
    return stats.flatMap((one) => {
      const row = bySeq.get(one.lane.queue.seq);
      return row ? [toLaneFiguresDto(one, row, owner)] : [];
    });
  }
}

function asTaken(error: unknown): never {
  if (!(error instanceof MillraceError) || error.code !== 'conflict') throw error;
  throw new MillraceError('invalid_request', NAME_IS_TAKEN, { param: 'queue', cause: error });
}

/** A text is a JSON text, too: it comes in quotes. */
function sendText(reply: FastifyReply, text: string): void {
  void reply.header('content-type', 'application/json').send(JSON.stringify(text));
}
