import { Body, Controller, Headers, HttpCode, Post, Req, Res } from '@nestjs/common';
import { ApiBody, ApiHeader, ApiOkResponse, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Clock } from '../../kernel/clock.js';
import { MillraceError } from '../../kernel/errors.js';
import type { Caller } from '../../modules/access/caller.js';
import { CallbackTargets } from '../../modules/callbacks/callback-targets.js';
import type { PutRequest } from '../../modules/tasks/task-requests.js';
import { TaskIntake } from '../../modules/tasks/task-intake.js';
import { CurrentCaller } from '../common/caller.decorator.js';
import { isObject, wrongType } from '../common/field.decorators.js';
import type { RequestHeaders } from '../common/given-header.js';
import { idempotencyKeyOf } from '../common/idempotency-key.js';
import { queueNameOf } from '../common/queue-header.js';
import { ValidationPipe } from '../common/validation.pipe.js';
import { HeldCalls } from './held-calls.js';
import { jsonOfField, partOfBody, partsOfField, type JsonPart } from './json-part.js';
import { BulkPutDto, BulkResultsDto, PUT_EXAMPLES, PutDto, PutReceiptDto, type BulkResultDto } from './put.dto.js';
import { toPutRequest, waitMsOf, type PutOrigin } from './put.mapper.js';
import { TASK_ID_HEADER } from './task-answers.js';
import { TaskErrors, TaskScopes } from './task-docs.decorators.js';

const QUEUE_FULL = "The queue 'chat' is full: 1000 tasks wait in it, and it takes 1000. Try again later.";

/** Where work is handed in. */
@ApiTags('Tasks')
@TaskScopes('tasks')
@Controller('v1/queue')
export class PutController {
  private readonly bodies = new ValidationPipe();

  constructor(
    private readonly intake: TaskIntake,
    private readonly held: HeldCalls,
    private readonly targets: CallbackTargets,
    private readonly clock: Clock,
  ) {}

  @Post('put')
  @HttpCode(200)
  @ApiOperation({
    summary: 'Hand in a task',
    description:
      'Stored safely when it is answered. Every answer has the id of the task in `X-Millrace-Task-Id`. A blocking call that ' +
      'is not done in time is answered with 408, and its task is cancelled; so is the task of a caller who hangs up, but not ' +
      'with an `Idempotency-Key`: he may come back for it.',
  })
  @ApiHeader({ name: 'X-Millrace-Queue', required: false, description: 'As `queue` in the body' })
  @ApiHeader({
    name: 'Idempotency-Key',
    required: false,
    description:
      'For 24 h, or until the task is forgotten, the same key and body give the same task: one that runs is joined, one that ' +
      'has ended is told again',
  })
  @ApiBody({ type: PutDto, examples: PUT_EXAMPLES })
  @ApiResponse({ status: 408, description: 'Nobody was done with it in time. The body is empty.' })
  @ApiOkResponse({ type: PutReceiptDto, description: 'In callback mode; else the answer, or the stream of events' })
  @TaskErrors({
    400: 'data cannot be null',
    422: "The idempotency key 'k' was used before with another request.",
    429: QUEUE_FULL,
    503: 'The server is shutting down. The task goes on: ask for it by its id.',
  })
  async put(
    @CurrentCaller() caller: Caller,
    @Body() body: PutDto,
    @Headers() headers: RequestHeaders,
    @Req() { body: raw, bodyText }: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const origin = originOf(caller, headers);
    const request = toPutRequest(body, jsonOfField(partOfBody(raw as object, bodyText), 'data'), origin, this.targets);
    const { mode } = request;
    if (mode !== 'callback') return this.held.hold(request, waitMsOf(body), reply);
    const { id } = await this.intake.put(request);
    void reply.header(TASK_ID_HEADER, id).header('content-type', 'application/json');
    void reply.send(`{"code":200,"timestamp":${this.clock.now()},"data":"${id}"}`);
  }

  @Post('put/bulk')
  @HttpCode(200)
  @ApiOperation({ summary: 'Hand in many tasks', description: 'Each is answered by itself, in its place.' })
  @ApiHeader({ name: 'X-Millrace-Queue', required: false, description: 'For those that name no `queue`' })
  @ApiHeader({
    name: 'Idempotency-Key',
    required: false,
    description:
      'For 24 h the same key and tasks give the same ids, each in its place; those that were refused are tried again. The ' +
      'same key with other tasks is refused as a whole. Keys of `put` are others',
  })
  @ApiOkResponse({ type: BulkResultsDto })
  @TaskErrors({
    400: "Invalid 'tasks': expected 1 to 1000 tasks, but got 0 instead.",
    422: "The Idempotency-Key 'k' was used with another request. Use a new key for a new request.",
  })
  async putMany(
    @CurrentCaller() caller: Caller,
    @Body() { tasks }: BulkPutDto,
    @Headers() headers: RequestHeaders,
    @Req() { body: raw, bodyText }: FastifyRequest,
  ): Promise<BulkResultsDto> {
    const items = partsOfField(partOfBody(raw as object, bodyText), 'tasks');
    const origin = { ...originOf(caller, headers), idempotencyKey: null };
    const read = tasks.map((task, index) =>
      isObject(task) ? this.readItem(items[index]!, origin) : wrongType(`tasks.${index}`, 'an object', task),
    );
    const receipts = await this.intake.putMany(read, idempotencyKeyOf(headers));
    return {
      results: receipts.map((receipt) =>
        receipt instanceof MillraceError ? refused(receipt) : { task_id: receipt.id },
      ),
    };
  }

  private readItem(item: JsonPart, origin: PutOrigin): PutRequest | MillraceError {
    try {
      const body = this.bodies.transform(item.value, { type: 'body', metatype: PutDto }) as PutDto;
      const request = toPutRequest(body, jsonOfField(item, 'data'), origin, this.targets);
      const { mode } = request;
      if (mode === 'callback') return request;
      const message = `Unsupported response mode: ${mode}. Many tasks can be put in callback mode only.`;
      return new MillraceError('invalid_value', message, { param: 'response_mode' });
    } catch (error) {
      if (error instanceof MillraceError) return error;
      throw error;
    }
  }
}

function originOf(caller: Caller, headers: RequestHeaders): PutOrigin {
  return {
    caller,
    queueName: queueNameOf(headers),
    idempotencyKey: idempotencyKeyOf(headers),
  };
}

function refused({ status, message }: MillraceError): BulkResultDto {
  return { error: { code: status, message } };
}
