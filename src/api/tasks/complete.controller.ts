import { Body, Controller, Headers, HttpCode, Param, Post, Req, Res } from '@nestjs/common';
import { ApiBody, ApiHeader, ApiOkResponse, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Caller } from '../../modules/access/caller.js';
import { PullService } from '../../modules/tasks/pull.service.js';
import { CurrentCaller } from '../common/caller.decorator.js';
import { isObject, wrongType } from '../common/field.decorators.js';
import { givenHeader } from '../common/given-header.js';
import { CompletionOutcomesDto, CompletionsDto, ResultDto, TASK_ID } from './completion.dto.js';
import { toCompletion, toListedCompletion, toOutcome } from './completion.mapper.js';
import { partOfBody, partsOfField } from './json-part.js';
import { refuseUnheld, UNHELD_EXAMPLES } from './lease-errors.js';
import { LEASE_TOKEN_HEADER } from './lease-token.js';
import { TaskErrors, TaskScopes } from './task-docs.decorators.js';

/** Where workers bring their answers. */
@ApiTags('Tasks: workers')
@TaskScopes('worker')
@Controller('v1/queue')
export class CompleteController {
  constructor(private readonly pull: PullService) {}

  @Post(':id/complete')
  @HttpCode(200)
  @ApiOperation({
    summary: 'Answer for a task',
    description:
      'With a lease token, an answer that is not wanted any more is refused with 409. Without one it is passed over, and ' +
      'the answer to any object is 200; a `status_code` that is none counts as 500 then.',
  })
  @ApiParam({ name: 'id', example: TASK_ID })
  @ApiHeader({ name: LEASE_TOKEN_HEADER, required: false, description: 'As it came with the task' })
  @ApiBody({ type: ResultDto })
  @ApiOkResponse({ description: 'The id of the task', schema: { type: 'string', example: TASK_ID } })
  @TaskErrors({ 400: "Invalid 'status_code': expected an HTTP status from 200 to 599.", ...UNHELD_EXAMPLES })
  async complete(
    @CurrentCaller() { tenantSeq }: Caller,
    @Param('id') id: string,
    @Headers(LEASE_TOKEN_HEADER) token: string | undefined,
    @Body() result: unknown,
    @Req() { bodyText }: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    if (!isObject(result)) throw wrongType('body', 'an object', result);
    const call = toCompletion(id, partOfBody(result, bodyText), givenHeader(token, LEASE_TOKEN_HEADER));
    const [verdict] = await this.pull.complete(tenantSeq, [call]);
    if (call.epoch !== null) refuseUnheld(id, verdict!);
    void reply.header('content-type', 'application/json').send(JSON.stringify(id));
  }

  @Post('complete')
  @HttpCode(200)
  @ApiOperation({ summary: 'Answer for many tasks', description: 'Each is answered by itself, in its place.' })
  @ApiOkResponse({ type: CompletionOutcomesDto })
  @TaskErrors({ 400: "Missing required parameter: 'completions.0.task_id'." })
  async completeMany(
    @CurrentCaller() { tenantSeq }: Caller,
    @Body() _body: CompletionsDto,
    @Req() { body, bodyText }: FastifyRequest,
  ): Promise<CompletionOutcomesDto> {
    const calls = partsOfField(partOfBody(body as object, bodyText), 'completions').map(toListedCompletion);
    const verdicts = await this.pull.complete(tenantSeq, calls);
    return { results: calls.map((call, index) => toOutcome(call, verdicts[index]!)) };
  }
}
