import { Controller, Get, HttpCode, Param, Post } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import { actorOf, type Caller } from '../../modules/access/caller.js';
import { CallbacksService } from '../../modules/callbacks/callbacks.service.js';
import { TasksService } from '../../modules/tasks/tasks.service.js';
import { CurrentCaller } from '../common/caller.decorator.js';
import { CallbackDto, CallbackListDto, toCallbackDto } from './task-callback.dto.js';
import { TaskErrors, TaskScopes } from './task-docs.decorators.js';
import { TASK_EXAMPLE_ID } from './task.dto.js';

const ID = { name: 'id', example: TASK_EXAMPLE_ID };
const UNKNOWN = `No task found with id '${TASK_EXAMPLE_ID}'.`;

/** What became of a task's callback. */
@ApiTags('Tasks')
@TaskScopes('tasks')
@Controller('v1/queue/:id/callbacks')
export class TaskCallbacksController {
  constructor(
    private readonly tasks: TasksService,
    private readonly callbacks: CallbacksService,
  ) {}

  @Get()
  @ApiOperation({
    summary: 'See the callbacks of a task, with every try',
    description:
      'None before it has ended. When a dead letter is sent back, a callback that is not delivered yet is withdrawn; the new ' +
      'end of the task has one of its own.',
  })
  @ApiParam(ID)
  @ApiOkResponse({ type: CallbackListDto })
  @TaskErrors({ 404: UNKNOWN })
  async list(@CurrentCaller() { tenantSeq }: Caller, @Param('id') id: string): Promise<CallbackListDto> {
    const callbacks = await this.callbacks.ofTask(await this.tasks.seqOf(tenantSeq, id));
    return { data: callbacks.map(toCallbackDto) };
  }

  @Post(':callback_id/replay')
  @HttpCode(200)
  @ApiOperation({ summary: 'Send a callback once more, at once', description: 'Under the same `webhook-id`.' })
  @ApiParam(ID)
  @ApiParam({ name: 'callback_id', example: 'callback_0198f3a2c4d57b1e8a3f5c6d7e8f9a0b' })
  @ApiOkResponse({ type: CallbackDto })
  @TaskErrors({ 404: UNKNOWN, 409: 'The callback is being delivered right now.' })
  async replay(
    @CurrentCaller() caller: Caller,
    @Param('id') id: string,
    @Param('callback_id') callbackId: string,
  ): Promise<CallbackDto> {
    const taskSeq = await this.tasks.seqOf(caller.tenantSeq, id);
    return toCallbackDto(await this.callbacks.replay(taskSeq, callbackId, actorOf(caller)));
  }
}
