import { Body, Controller, Delete, Get, HttpCode, Param, Post, Query, Res } from '@nestjs/common';
import { ApiBody, ApiOkResponse, ApiOperation, ApiParam, ApiQuery, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { CROWDED } from '../../kernel/byte-gate.js';
import { MillraceError } from '../../kernel/errors.js';
import { actorOf, type Caller } from '../../modules/access/caller.js';
import { QueuesService } from '../../modules/queues/queues.service.js';
import { DeadLettersService } from '../../modules/tasks/dead-letters.service.js';
import { TaskReader } from '../../modules/tasks/task-reader.js';
import { CurrentCaller } from '../common/caller.decorator.js';
import { ApiPageQuery, readPageRequest, readText, type Query as QueryParameters } from '../common/page.js';
import { AnswerRooms } from './answer-rooms.js';
import { TASK_ID } from './completion.dto.js';
import {
  CHOICE_EXAMPLES,
  DEAD_LETTERS_EXAMPLE,
  DeadLetterChoiceDto,
  DroppedDto,
  DroppedTaskDto,
  RedrivenDto,
  RedrivenTaskDto,
} from './dead-letter.dto.js';
import { deadLetterJson } from './dead-letter.mapper.js';
import { bytesOf } from './json-bytes.js';
import { TaskErrors, TaskScopes } from './task-docs.decorators.js';

const TASK = { name: 'id', example: TASK_ID };
const PAGE_LIMITS = { defaultLimit: 20, maxLimit: 100 };
const UNKNOWN = `No task found with id '${TASK_ID}'.`;
const REDRIVEN =
  'As a new task, in its old place. A callback that was to tell of the failure and is not delivered yet is withdrawn: the ' +
  'task has one for its new end.';
const DROPPED = 'A callback that was to tell of a failure and is not delivered yet is not sent any more.';
const NO_QUEUE = "You have no queue named 'chat'.";

/** Tasks that have failed for good, for the owner of their queue. */
@ApiTags('Tasks: dead letters')
@TaskScopes('tasks')
@Controller('v1/queue')
export class DeadLettersController {
  constructor(
    private readonly letters: DeadLettersService,
    private readonly reader: TaskReader,
    private readonly queues: QueuesService,
    private readonly rooms: AnswerRooms,
  ) {}

  @Get('dead')
  @ApiOperation({
    summary: 'List the dead letters of a queue, in their order, with their attempts',
    description:
      '`attempts_count` counts all of them; `attempts` holds the last 100 at most, oldest first. A page holds 32 MiB of data: ' +
      'where they are large it has fewer than `limit`, at least one, and `has_more` says that there are others.',
  })
  @ApiQuery({ name: 'queue', description: 'Its name', schema: { type: 'string', example: 'chat' } })
  @ApiPageQuery(PAGE_LIMITS)
  @ApiOkResponse({ description: 'A page of them', schema: { example: DEAD_LETTERS_EXAMPLE } })
  @TaskErrors({ 400: NO_QUEUE, 503: CROWDED })
  async list(
    @CurrentCaller() { tenantSeq }: Caller,
    @Query() query: QueryParameters,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const queueName = readText(query, 'queue');
    if (queueName === null) {
      throw new MillraceError('missing_required_parameter', "Missing required parameter: 'queue'.", { param: 'queue' });
    }
    const { limit, after } = readPageRequest(query, PAGE_LIMITS);
    const afterSeq = after === null ? null : await this.seqOf(tenantSeq, after);
    const room = this.rooms.of(reply.header('content-type', 'application/json'));
    const { letters, hasMore } = await this.letters.list(tenantSeq, queueName, afterSeq, limit, room.hold);
    const lastId = JSON.stringify(letters.at(-1)?.id ?? null);
    const texts = letters.flatMap((letter) => [',', deadLetterJson(letter)]).slice(1);
    room.send(bytesOf(['{"data":[', ...texts, `],"has_more":${hasMore},"last_id":${lastId}}`]));
  }

  @Post('dead/redrive')
  @HttpCode(200)
  @ApiOperation({ summary: 'Give dead letters another chance', description: REDRIVEN })
  @ApiBody({ type: DeadLetterChoiceDto, examples: CHOICE_EXAMPLES })
  @ApiOkResponse({ type: RedrivenDto })
  @TaskErrors({ 400: NO_QUEUE })
  async redriveMany(@CurrentCaller() caller: Caller, @Body() body: DeadLetterChoiceDto): Promise<RedrivenDto> {
    const { queue, ids } = choiceOf(body);
    if (queue !== null) return { redriven: await this.letters.redriveQueue(caller.tenantSeq, queue, actorOf(caller)) };
    const outcomes = await this.letters.redrive(caller.tenantSeq, ids, actorOf(caller));
    return { redriven: outcomes.filter((outcome) => outcome === 'redriven').length };
  }

  @Post('dead/drop')
  @HttpCode(200)
  @ApiOperation({ summary: 'Forget dead letters, with all that belongs to them', description: DROPPED })
  @ApiBody({ type: DeadLetterChoiceDto, examples: CHOICE_EXAMPLES })
  @ApiOkResponse({ type: DroppedDto })
  @TaskErrors({ 400: NO_QUEUE })
  async dropMany(@CurrentCaller() caller: Caller, @Body() body: DeadLetterChoiceDto): Promise<DroppedDto> {
    const { queue, ids } = choiceOf(body);
    if (queue !== null) return { dropped: await this.letters.dropQueue(caller.tenantSeq, queue, actorOf(caller)) };
    const outcomes = await this.letters.drop(caller.tenantSeq, ids, actorOf(caller));
    return { dropped: outcomes.filter(Boolean).length };
  }

  @Post(':id/redrive')
  @HttpCode(200)
  @ApiOperation({ summary: 'Give a dead letter another chance', description: REDRIVEN })
  @ApiParam(TASK)
  @ApiOkResponse({ type: RedrivenTaskDto })
  @TaskErrors({ 404: UNKNOWN, 409: `The task '${TASK_ID}' is no dead letter.` })
  async redrive(@CurrentCaller() caller: Caller, @Param('id') id: string): Promise<RedrivenTaskDto> {
    const [outcome] = await this.letters.redrive(caller.tenantSeq, [id], actorOf(caller));
    if (outcome === 'unknown') throw unknownTask(id);
    if (outcome === 'not_failed') throw notDead(id);
    if (outcome === 'cleared') {
      throw new MillraceError('conflict', `The place of the task '${id}' was cleared since; put it anew.`);
    }
    return { task_id: id, state: 'ready' };
  }

  @Delete(':id')
  @ApiOperation({ summary: 'Forget a dead letter, with all that belongs to it', description: DROPPED })
  @ApiParam(TASK)
  @ApiOkResponse({ type: DroppedTaskDto })
  @TaskErrors({ 404: UNKNOWN, 409: `The task '${TASK_ID}' is no dead letter.` })
  async drop(@CurrentCaller() caller: Caller, @Param('id') id: string): Promise<DroppedTaskDto> {
    const [isDropped] = await this.letters.drop(caller.tenantSeq, [id], actorOf(caller));
    if (!isDropped) {
      await this.seqOf(caller.tenantSeq, id);
      throw notDead(id);
    }
    return { task_id: id, deleted: true };
  }

  /** The row of a task in a queue of this tenant; refuses with `not_found`. */
  private async seqOf(tenantSeq: number, id: string): Promise<number> {
    const [task] = await this.reader.storedByIds([id], null, false);
    if (!task || this.queues.bySeq(task.queueSeq)?.tenantSeq !== tenantSeq) throw unknownTask(id);
    return task.seq;
  }
}

/** Either a queue or tasks; refuses both and neither. */
function choiceOf({
  queue = null,
  task_ids: ids = null,
}: DeadLetterChoiceDto): { queue: string; ids: null } | { queue: null; ids: string[] } {
  if (queue !== null && ids === null) return { queue, ids };
  if (queue === null && ids !== null) return { queue, ids };
  throw new MillraceError('invalid_value', "Send either 'queue' or 'task_ids'.", { param: 'queue' });
}

function unknownTask(id: string): MillraceError {
  return new MillraceError('not_found', `No task found with id '${id}'.`);
}

function notDead(id: string): MillraceError {
  return new MillraceError('conflict', `The task '${id}' is no dead letter.`);
}
