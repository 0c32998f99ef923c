import { Controller, Get, Headers, Param, Query, Res } from '@nestjs/common';
import { ApiHeader, ApiOkResponse, ApiOperation, ApiParam, ApiProduces, ApiQuery, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { MillraceError } from '../../kernel/errors.js';
import { AccessService } from '../../modules/access/access.service.js';
import type { Caller } from '../../modules/access/caller.js';
import { TasksService } from '../../modules/tasks/tasks.service.js';
import { WaitingCalls } from '../../modules/tasks/waiting-calls.js';
import { CurrentCaller } from '../common/caller.decorator.js';
import { readText, type Query as QueryParameters } from '../common/page.js';
import { AnswerRooms, CALLER_PATIENCE_MS } from './answer-rooms.js';
import { EventStreams } from './event-streams.js';
import { goneOf } from './held-calls.js';
import { answerOf, TASK_ID_HEADER } from './task-answers.js';
import { TaskErrors, TaskScopes } from './task-docs.decorators.js';
import { TASK_EXAMPLE_ID } from './task.dto.js';

const EXAMPLE = 'id:1\nevent:message\ndata:{"delta":"Hel"}\n\nid:2\nevent:message\ndata:{"delta":"lo"}\n\n';

/** Streams of tasks for those who come later, or again. */
@ApiTags('Tasks')
@TaskScopes('tasks')
@Controller('v1/queue')
export class TaskEventsController {
  constructor(
    private readonly tasks: TasksService,
    private readonly calls: WaitingCalls,
    private readonly streams: EventStreams,
    private readonly access: AccessService,
    private readonly rooms: AnswerRooms,
  ) {}

  @Get(':id/events')
  @ApiOperation({
    summary: 'Stream what a task says',
    description:
      'From the beginning, or from after the event that you have, as server-sent events; ends with the task (where it is ' +
      'a batch line, within a second or so). A bad end is told by a last event named `error` that has no id; what ' +
      'the task itself says always has one. Hanging up changes nothing for the task. It also ends, with such an `error`, when ' +
      'its key is revoked or expires.',
  })
  @ApiParam({ name: 'id', example: TASK_EXAMPLE_ID })
  @ApiHeader({ name: 'Last-Event-ID', required: false, description: 'The id of the last event that you have' })
  @ApiQuery({
    name: 'after',
    required: false,
    schema: { type: 'string' },
    description: 'The same, for those who cannot set a header',
  })
  @ApiProduces('text/event-stream')
  @ApiOkResponse({ content: { 'text/event-stream': { schema: { type: 'string', example: EXAMPLE } } } })
  @TaskErrors({
    400: "Invalid 'after': the task has no event 'x'.",
    404: `No task found with id '${TASK_EXAMPLE_ID}'.`,
  })
  async stream(
    @CurrentCaller() { tenantSeq, keyId }: Caller,
    @Param('id') id: string,
    @Headers('last-event-id') lastEventId: string | undefined,
    @Query() query: QueryParameters,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const gone = goneOf(reply);
    const last = lastEventId || readText(query, 'after');
    const after = last === null ? 0 : await this.numberOf(tenantSeq, id, last);
    const call = await this.calls.join(tenantSeq, id, after);
    void reply.header(TASK_ID_HEADER, id);
    const stream = this.streams.open(call, reply, after > 0);
    const key = this.access.watchKey(keyId);
    try {
      const ended = await Promise.race([call.ended, gone, key.ended, stream.overrun]);
      if (ended === null || ended === 'gone' || ended === 'overrun') return;
      const { hold } = this.rooms.of(reply, CALLER_PATIENCE_MS);
      stream.end(answerOf(await this.calls.wholeEnd(tenantSeq, call, ended, hold)));
    } catch (error) {
      stream.fail(error);
    } finally {
      key.close();
      call.close();
    }
  }

  /**
   * An event is known by the id that its maker gave it, else by its number. One that is not stored may have been said all the
   * same, except of a task that is completed. 0 for a task that has said nothing yet.
   */
  private async numberOf(tenantSeq: number, taskId: string, eventId: string): Promise<number> {
    const state = await this.tasks.stateOf(tenantSeq, taskId); // first: what it says later is no matter then
    let found: number | null = null;
    let last = 0;
    for (;;) {
      const events = await this.tasks.events(tenantSeq, taskId, last);
      found = events.findLast(({ id }) => id === eventId)?.n ?? found;
      if (events.length === 0) break;
      last = events.at(-1)!.n;
    }
    if (found !== null) return found;
    const number = /^\d{1,9}$/.test(eventId) ? Number(eventId) : null;
    if (number === null) throw noSuchEvent(`the task has no event '${eventId.slice(0, 100)}'`);
    if (state !== 'completed' || number <= last) return number;
    if (last === 0) return 0; // it said nothing, or that is forgotten: its answer is all there is
    throw noSuchEvent(`the task has ended, and its last event is ${last}`);
  }
}

function noSuchEvent(what: string): MillraceError {
  return new MillraceError('invalid_value', `Invalid 'after': ${what}.`, { param: 'after' });
}
