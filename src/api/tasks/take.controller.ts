import { Body, Controller, HttpCode, Post, Res } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import type { Caller } from '../../modules/access/caller.js';
import { PullService } from '../../modules/tasks/pull.service.js';
import type { HandedTask } from '../../modules/tasks/task-requests.js';
import { AppLogger } from '../../telemetry/logger.js';
import { CurrentCaller } from '../common/caller.decorator.js';
import { TakeDto } from './take.dto.js';
import { TAKEN_EXAMPLE } from './take.examples.js';
import { handedJson, toTakeCall } from './take.mapper.js';
import { TaskErrors, TaskScopes } from './task-docs.decorators.js';

/** Where workers get their tasks. */
@ApiTags('Tasks: workers')
@TaskScopes('worker')
@Controller('v1/queue')
export class TakeController {
  private readonly logger: AppLogger;

  constructor(
    private readonly pull: PullService,
    logger: AppLogger,
  ) {
    this.logger = logger.child('take');
  }

  @Post('take')
  @HttpCode(200)
  @ApiOperation({
    summary: 'Take tasks to work on',
    description: 'By lane; `{}` when there are none. Each comes with a lease, which keeps others from taking it.',
  })
  @ApiOkResponse({ description: 'The tasks', schema: { example: TAKEN_EXAMPLE } })
  @TaskErrors({ 400: "You have no queue named 'chat'.", 503: 'The server is shutting down; try again shortly.' })
  async take(
    @CurrentCaller() { tenantSeq }: Caller,
    @Body() body: TakeDto,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const gone = new AbortController();
    let handed: readonly HandedTask[] = [];
    // Also when its answer is out; what was not sent by then never will be.
    reply.raw.once('close', () => {
      if (reply.raw.writableFinished) return;
      gone.abort();
      this.takeBack(tenantSeq, handed);
    });
    const taken = await this.pull.take(toTakeCall(tenantSeq, body), gone.signal);
    if (gone.signal.aborted) this.takeBack(tenantSeq, taken);
    else handed = taken;
    void reply.header('content-type', 'application/json').send(handedJson(handed));
  }

  /** Tasks of a worker who went away before it had them: back to their places at once, rather than when their leases end. */
  private takeBack(tenantSeq: number, handed: readonly HandedTask[]): void {
    if (handed.length === 0) return;
    const held = handed.map(({ id: taskId, epoch }) => ({ taskId, epoch }));
    this.pull.release(tenantSeq, held).catch((error: unknown) => {
      this.logger.error({ err: error, count: held.length }, 'tasks that reached no worker wait for their leases to end');
    });
  }
}
