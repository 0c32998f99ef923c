import { setImmediate } from 'node:timers/promises';
import { Body, Controller, HttpCode, Post, Res } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { AccessService } from '../../modules/access/access.service.js';
import type { Caller } from '../../modules/access/caller.js';
import { PullService } from '../../modules/tasks/pull.service.js';
import { CurrentCaller } from '../common/caller.decorator.js';
import { AnswerRooms } from './answer-rooms.js';
import { Handovers } from './handovers.js';
import { TakeDto } from './take.dto.js';
import { TAKEN_EXAMPLE } from './take.examples.js';
import { ReportIntake } from './report-intake.js';
import { handedJson, toTakeCall } from './take.mapper.js';
import { TaskErrors, TaskScopes } from './task-docs.decorators.js';

/** Where workers get their tasks. */
@ApiTags('Tasks: workers')
@TaskScopes('worker')
@Controller('v1/queue')
export class TakeController {
  constructor(
    private readonly pull: PullService,
    private readonly access: AccessService,
    private readonly handovers: Handovers,
    private readonly reports: ReportIntake,
    private readonly rooms: AnswerRooms,
  ) {}

  @Post('take')
  @HttpCode(200)
  @ApiOperation({
    summary: 'Take tasks to work on',
    description:
      'By lane; `{}` when there are none. Each comes with a lease, which keeps others from taking it, and with the ' +
      '`instance_id` that reports over Redis go to, where its queue has those. Fewer than `size` come where their data ' +
      'would be more than 32 MiB together; one always comes. A wait ends with 401 when its key is revoked or expires.',
  })
  @ApiOkResponse({ description: 'The tasks', schema: { example: TAKEN_EXAMPLE } })
  @TaskErrors({ 400: "You have no queue named 'chat'.", 503: 'The server is shutting down; try again shortly.' })
  async take(@CurrentCaller() caller: Caller, @Body() body: TakeDto, @Res() reply: FastifyReply): Promise<void> {
    const { tenantSeq, keyId } = caller;
    const call = toTakeCall(caller, body);
    const handover = this.handovers.begin(caller, reply.raw);
    const room = this.rooms.of(reply.header('content-type', 'application/json'));
    const recheck = () => this.access.recheck(keyId);
    const taken = await this.pull.take(call, { signal: handover.signal, hold: room.hold, recheck });
    if (call.waitMs > 0) await nextLook(); // a worker who hung up while it waited is noticed now
    const instanceFor = (queueName: string): string | null => this.reports.instanceFor(tenantSeq, queueName);
    room.send(handedJson(handover.offer(taken), instanceFor));
  }
}

/** Resolves when everything that has arrived on any connection by now was looked at. */
async function nextLook(): Promise<void> {
  await setImmediate(); // the end of this round of events; what has arrived since its beginning is in the next
  await setImmediate();
}
