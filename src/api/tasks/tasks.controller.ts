import { Body, Controller, Get, Header, HttpCode, Param, Post, Query, Res } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiParam, ApiQuery, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { CROWDED } from '../../kernel/byte-gate.js';
import { MillraceError } from '../../kernel/errors.js';
import { TASK_STATES } from '../../kernel/task-state.js';
import { actorOf, type Caller } from '../../modules/access/caller.js';
import { MAX_LOOKS } from '../../modules/tasks/task-pages.js';
import { noSuchTask } from '../../modules/tasks/task-reader.js';
import { TasksService } from '../../modules/tasks/tasks.service.js';
import { CurrentCaller } from '../common/caller.decorator.js';
import { ApiPageQuery, type Query as QueryParameters } from '../common/page.js';
import { AnswerRooms } from './answer-rooms.js';
import { bytesOf } from './json-bytes.js';
import { TaskErrors, TaskScopes } from './task-docs.decorators.js';
import { AttemptListDto, GetManyDto, TASK_EXAMPLE_ID, TaskDto, TaskListDto, TasksDto } from './task.dto.js';
import { PAGE_LIMITS, readTaskQuery } from './task-query.js';
import { taskDetailsJson, taskJson, toAttemptDto } from './task.mapper.js';

const UNKNOWN = `No task found with id '${TASK_EXAMPLE_ID}'.`;
const ID = { name: 'id', example: TASK_EXAMPLE_ID };

/** Tasks as their submitters see them. */
@ApiTags('Tasks')
@TaskScopes('tasks')
@Controller('v1/queue')
export class TasksController {
  constructor(
    private readonly tasks: TasksService,
    private readonly rooms: AnswerRooms,
  ) {}

  @Get('tasks')
  @Header('content-type', 'application/json')
  @ApiOperation({
    summary: 'List tasks, newest first',
    description:
      `Without their data and results. A page looks at about ${MAX_LOOKS} tasks at most: where few of them fit it has fewer ` +
      'than `limit`, even none, and `has_more` says that others may. Give its `last_id` as `after` for the next page.',
  })
  @ApiQuery({
    name: 'queue',
    required: false,
    schema: { type: 'string' },
    description: 'Only those of this queue; also of one that was deleted, as long as tasks of it are kept',
  })
  @ApiQuery({ name: 'state', required: false, enum: TASK_STATES })
  @ApiQuery({
    name: 'batch',
    required: false,
    schema: { type: 'string' },
    description: 'The lines of this batch; else single tasks',
  })
  @ApiQuery({ name: 'created_after', required: false, schema: { type: 'integer' }, description: 'Epoch ms, inclusive' })
  @ApiQuery({
    name: 'created_before',
    required: false,
    schema: { type: 'integer' },
    description: 'Epoch ms, exclusive',
  })
  @ApiPageQuery(PAGE_LIMITS)
  @ApiOkResponse({ type: TaskListDto })
  @TaskErrors({ 400: "No queue is named 'chat'.", 404: UNKNOWN })
  async list(@CurrentCaller() { tenantSeq }: Caller, @Query() query: QueryParameters, @Res() reply: FastifyReply) {
    const { after, ...wanted } = readTaskQuery(query);
    const afterSeq = after === null ? null : await this.tasks.seqOf(tenantSeq, after);
    const { tasks, hasMore, lastId } = await this.tasks.list({ ...wanted, tenantSeq, afterSeq });
    const data = tasks.map((task) => taskJson(task)).join(',');
    void reply.send(`{"data":[${data}],"has_more":${hasMore},"last_id":${JSON.stringify(lastId)}}`);
  }

  @Post('get')
  @HttpCode(200)
  @Header('content-type', 'application/json')
  @ApiOperation({
    summary: 'Look at many tasks',
    description: 'Their data and results may be 32 MiB together; a single task may always be looked at.',
  })
  @ApiOkResponse({ type: TasksDto })
  @TaskErrors({
    400: "Invalid 'task_ids': at most 500 items.",
    413: 'An answer holds 32 MiB of tasks, which is the first 3 of these: ask for fewer at a time.',
    503: CROWDED,
  })
  async getMany(@CurrentCaller() { tenantSeq }: Caller, @Body() body: GetManyDto, @Res() reply: FastifyReply) {
    const room = this.rooms.of(reply);
    const tasks = await this.tasks.getMany(tenantSeq, body.task_ids, room.hold);
    const texts = tasks.flatMap((task) => [',', task === null ? 'null' : taskDetailsJson(task)]).slice(1);
    room.send(bytesOf(['{"tasks":[', ...texts, ']}']));
  }

  @Get(':id')
  @Header('content-type', 'application/json')
  @ApiOperation({ summary: 'Look at a task, with its result when it has ended' })
  @ApiParam(ID)
  @ApiOkResponse({ type: TaskDto })
  @TaskErrors({ 404: UNKNOWN, 503: CROWDED })
  async retrieve(@CurrentCaller() { tenantSeq }: Caller, @Param('id') id: string, @Res() reply: FastifyReply) {
    const room = this.rooms.of(reply);
    room.send(bytesOf([taskDetailsJson(await this.tasks.get(tenantSeq, id, room.hold))]));
  }

  @Post(':id/cancel')
  @HttpCode(202)
  @Header('content-type', 'application/json')
  @ApiOperation({
    summary: 'Cancel a task',
    description: 'Whoever works on it is told to stop. One that has ended stays as it is.',
  })
  @ApiParam(ID)
  @ApiResponse({ status: 202, description: 'The id', schema: { type: 'string', example: TASK_EXAMPLE_ID } })
  @TaskErrors({ 404: UNKNOWN, 409: 'A line of a batch is not cancelled by itself: cancel the batch.' })
  async cancel(@CurrentCaller() caller: Caller, @Param('id') id: string, @Res() reply: FastifyReply) {
    const outcome = await this.tasks.cancel(caller.tenantSeq, id, actorOf(caller));
    if (outcome === 'unknown') throw noSuchTask(id);
    if (outcome === 'is_line') {
      throw new MillraceError('conflict', 'A line of a batch is not cancelled by itself: cancel the batch.');
    }
    void reply.send(JSON.stringify(id));
  }

  @Get(':id/attempts')
  @ApiOperation({
    summary: 'See the attempts that came to nothing, oldest first',
    description: 'The last 1,000 at most.',
  })
  @ApiParam(ID)
  @ApiOkResponse({ type: AttemptListDto })
  @TaskErrors({ 404: UNKNOWN })
  async attempts(@CurrentCaller() { tenantSeq }: Caller, @Param('id') id: string): Promise<AttemptListDto> {
    return { data: (await this.tasks.attempts(tenantSeq, id)).map(toAttemptDto) };
  }
}
