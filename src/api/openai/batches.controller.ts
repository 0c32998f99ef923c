import { Body, Controller, Get, Headers, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiHeader, ApiOkResponse, ApiOperation, ApiParam, ApiQuery, ApiResponse, ApiTags } from '@nestjs/swagger';
import { DEFAULT_BATCH_LEVEL, parseLevel } from '../../kernel/lane.js';
import { actorOf, type Caller } from '../../modules/access/caller.js';
import { BatchesService } from '../../modules/batches/batches.service.js';
import { CurrentCaller } from '../common/caller.decorator.js';
import { givenHeader, type RequestHeaders } from '../common/given-header.js';
import { idempotencyKeyOf } from '../common/idempotency-key.js';
import { readPageRequest, toPage, type Page, type Query as QueryParameters } from '../common/page.js';
import { queueNameOf } from '../common/queue-header.js';
import { Scopes } from '../common/scopes.decorator.js';
import { CreateBatchDto } from './batch.dto.js';
import {
  BATCH_NOT_FOUND_EXAMPLE,
  BATCH_REFUSED_EXAMPLE,
  CANCELLING_BATCH_EXAMPLE,
  NEW_BATCH_EXAMPLE,
  NOT_CANCELLABLE_EXAMPLE,
} from './batch.examples.js';
import { toBatchView, type BatchView } from './batch.mapper.js';

const PARAM = { name: 'id', example: NEW_BATCH_EXAMPLE.id };
const LEVEL_HEADER = 'X-Millrace-Level';
const PAGE_LIMITS = { defaultLimit: 20, maxLimit: 100 };

/** Many requests in one file, worked off within a window of time. */
@ApiTags('Batches')
@Scopes('batches')
@Controller('v1/batches')
export class BatchesController {
  constructor(private readonly batches: BatchesService) {}

  @Post()
  @HttpCode(200)
  @ApiOperation({ summary: 'Start a batch over an uploaded file' })
  @ApiHeader({
    name: 'X-Millrace-Queue',
    required: false,
    description: 'Send all lines to this queue; `X-BELLA-QUEUE-NAME` says the same',
  })
  @ApiHeader({ name: LEVEL_HEADER, required: false, description: '0 (online) to 9; 1 by default' })
  @ApiHeader({ name: 'Idempotency-Key', required: false, description: 'The same key gives the same batch, for 24 h' })
  @ApiOkResponse({ schema: { example: NEW_BATCH_EXAMPLE } })
  @ApiResponse({
    status: 400,
    description: 'What is wrong, and with which field',
    schema: { example: BATCH_REFUSED_EXAMPLE },
  })
  async create(
    @CurrentCaller() { tenantSeq }: Caller,
    @Body() body: CreateBatchDto,
    @Headers() headers: RequestHeaders,
  ): Promise<BatchView> {
    const level = givenHeader(headers['x-millrace-level'], LEVEL_HEADER);
    const batch = await this.batches.create({
      tenantSeq,
      inputFileId: body.input_file_id,
      endpoint: body.endpoint,
      completionWindow: body.completion_window,
      metadata: body.metadata ?? null,
      outputTtlMs: body.output_expires_after ? body.output_expires_after.seconds * 1000 : null,
      queueName: queueNameOf(headers),
      level: level === null ? DEFAULT_BATCH_LEVEL : parseLevel(level, LEVEL_HEADER),
      idempotencyKey: idempotencyKeyOf(headers),
    });
    return toBatchView(batch);
  }

  @Get()
  @ApiOperation({ summary: 'List batches, newest first' })
  @ApiQuery({
    name: 'limit',
    required: false,
    schema: { type: 'integer', example: 20 },
    description: '1 to 100, 20 by default',
  })
  @ApiQuery({
    name: 'after',
    required: false,
    schema: { type: 'string' },
    description: 'The id of the last batch of the page before',
  })
  @ApiOkResponse({ schema: { example: toPage([NEW_BATCH_EXAMPLE], false) } })
  async list(@CurrentCaller() { tenantSeq }: Caller, @Query() query: QueryParameters): Promise<Page<BatchView>> {
    const { limit, after } = readPageRequest(query, PAGE_LIMITS);
    const { batches, hasMore } = await this.batches.list(tenantSeq, after, limit);
    return toPage(batches.map(toBatchView), hasMore);
  }

  @Get(':id')
  @ApiOperation({ summary: 'See how far a batch is' })
  @ApiParam(PARAM)
  @ApiOkResponse({ schema: { example: NEW_BATCH_EXAMPLE } })
  @ApiResponse({ status: 404, description: 'No such batch', schema: { example: BATCH_NOT_FOUND_EXAMPLE } })
  async retrieve(@CurrentCaller() { tenantSeq }: Caller, @Param('id') id: string): Promise<BatchView> {
    return toBatchView(await this.batches.get(tenantSeq, id));
  }

  @Post(':id/cancel')
  @HttpCode(200)
  @ApiOperation({ summary: 'Stop a batch; finished lines are kept and come in its files' })
  @ApiParam(PARAM)
  @ApiOkResponse({ schema: { example: CANCELLING_BATCH_EXAMPLE } })
  @ApiResponse({ status: 404, description: 'No such batch', schema: { example: BATCH_NOT_FOUND_EXAMPLE } })
  @ApiResponse({ status: 409, description: 'It has ended already', schema: { example: NOT_CANCELLABLE_EXAMPLE } })
  async cancel(@CurrentCaller() caller: Caller, @Param('id') id: string): Promise<BatchView> {
    return toBatchView(await this.batches.cancel(caller.tenantSeq, id, actorOf(caller)));
  }
}
