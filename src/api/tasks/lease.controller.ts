import { Body, Controller, Headers, HttpCode, Param, Post, Req } from '@nestjs/common';
import { ApiBody, ApiHeader, ApiOkResponse, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { TASK_STATES } from '../../kernel/task-state.js';
import type { Caller } from '../../modules/access/caller.js';
import { PullService } from '../../modules/tasks/pull.service.js';
import { TaskReader } from '../../modules/tasks/task-reader.js';
import { CurrentCaller } from '../common/caller.decorator.js';
import { isGiven, isObject, wrongType } from '../common/field.decorators.js';
import { givenHeader } from '../common/given-header.js';
import { TASK_ID } from './completion.dto.js';
import { partOfBody, partsOfField } from './json-part.js';
import { refuseUnheld, UNHELD_EXAMPLES } from './lease-errors.js';
import { toHeldLease } from './lease.mapper.js';
import {
  FailDto,
  HeartbeatDto,
  HeartbeatsDto,
  KeptAloneDto,
  KeptLeasesDto,
  PROGRESS_EXAMPLES,
  ProgressDto,
  ProgressedDto,
  ReleaseDto,
  ReturnedTaskDto,
  type KeptLeaseDto,
} from './lease.dto.js';
import { epochOfToken, LEASE_TOKEN_HEADER } from './lease-token.js';
import { toProgressEvents } from './progress.mapper.js';
import { workerOf } from './take.mapper.js';
import { TaskErrors, TaskScopes } from './task-docs.decorators.js';

const TASK = { name: 'id', example: TASK_ID };
const TOKEN = { name: LEASE_TOKEN_HEADER, required: false, description: 'Instead of `lease_token` in the body' };
const DEFAULT_FAILURE = { code: 'worker_error', message: 'The worker could not do it, and did not say why.' };

/** What workers say between taking a task and answering for it, and when they cannot. */
@ApiTags('Tasks: workers')
@TaskScopes('worker')
@TaskErrors({ 400: "Missing required parameter: 'lease_token'." })
@Controller('v1/queue')
export class LeaseController {
  constructor(
    private readonly pull: PullService,
    private readonly reader: TaskReader,
  ) {}

  @Post(':id/heartbeat')
  @HttpCode(200)
  @ApiOperation({ summary: 'Keep a task', description: 'Moves the end of its lease on.' })
  @ApiParam(TASK)
  @TaskErrors(UNHELD_EXAMPLES)
  @ApiOkResponse({ type: KeptAloneDto })
  async heartbeat(
    @CurrentCaller() { tenantSeq }: Caller,
    @Param('id') id: string,
    @Body() body: HeartbeatDto,
  ): Promise<KeptAloneDto> {
    const held = [{ taskId: id, epoch: epochOfToken(id, body.lease_token) }];
    const [verdict] = await this.pull.heartbeat(tenantSeq, held, null, toMs(body.extend_seconds));
    refuseUnheld(id, verdict!);
    const [lease] = await this.leasesOf([id]);
    return { task_id: id, lease_until: lease?.lease_until ?? 0, gone: [] };
  }

  @Post('heartbeat')
  @HttpCode(200)
  @ApiOperation({ summary: 'Keep many tasks', description: 'And learn which of them to drop.' })
  @ApiOkResponse({ type: KeptLeasesDto })
  async heartbeatMany(
    @CurrentCaller() { tenantSeq }: Caller,
    @Body() body: HeartbeatsDto,
    @Req() { body: raw, bodyText }: FastifyRequest,
  ): Promise<KeptLeasesDto> {
    const held = partsOfField(partOfBody(raw as object, bodyText), 'leases').map(toHeldLease);
    const verdicts = await this.pull.heartbeat(tenantSeq, held, workerOf(body.worker), toMs(body.extend_seconds));
    const ids = held.map(({ taskId }) => taskId);
    const alive = ids.filter((_, index) => verdicts[index] === 'done');
    return { alive: await this.leasesOf(alive), gone: ids.filter((_, index) => verdicts[index] !== 'done') };
  }

  @Post(':id/progress')
  @HttpCode(200)
  @ApiOperation({ summary: 'Say something while a task runs', description: 'Goes to whoever listens to the task.' })
  @ApiParam(TASK)
  @TaskErrors(UNHELD_EXAMPLES)
  @ApiHeader(TOKEN)
  @ApiBody({ type: ProgressDto, examples: PROGRESS_EXAMPLES })
  @ApiOkResponse({ type: ProgressedDto })
  async progress(
    @CurrentCaller() { tenantSeq }: Caller,
    @Param('id') id: string,
    @Headers(LEASE_TOKEN_HEADER) token: string | undefined,
    @Body() body: ProgressDto,
    @Req() { body: raw, bodyText }: FastifyRequest,
  ): Promise<ProgressedDto> {
    if (!isObject(raw)) throw wrongType('event_data', 'any JSON', raw);
    const events = toProgressEvents(partOfBody(raw, bodyText));
    const epoch = epochOf(id, token, body);
    const verdict = await this.pull.progress(tenantSeq, { taskId: id, epoch, events, firstN: null });
    refuseUnheld(id, verdict);
    return { task_id: id, events: events.length };
  }

  @Post(':id/fail')
  @HttpCode(200)
  @ApiOperation({
    summary: 'Say that it went wrong',
    description: 'The task is tried again, or becomes a dead letter when its tries are used up.',
  })
  @ApiParam(TASK)
  @TaskErrors(UNHELD_EXAMPLES)
  @ApiHeader(TOKEN)
  @ApiOkResponse({ type: ReturnedTaskDto })
  async fail(
    @CurrentCaller() { tenantSeq }: Caller,
    @Param('id') id: string,
    @Headers(LEASE_TOKEN_HEADER) token: string | undefined,
    @Body() body: FailDto,
  ): Promise<ReturnedTaskDto> {
    const epoch = epochOf(id, token, body);
    const { code = null, message = DEFAULT_FAILURE.message } = body.error ?? {};
    const failure = {
      taskId: id,
      epoch,
      code: code ?? DEFAULT_FAILURE.code,
      message,
      retryAfterMs: toMs(body.retry_after),
      isFinal: body.retryable === false,
    };
    const [verdict] = await this.pull.fail(tenantSeq, [failure]);
    refuseUnheld(id, verdict!);
    return this.returned(id);
  }

  @Post(':id/release')
  @HttpCode(200)
  @ApiOperation({ summary: 'Give a task back', description: 'To its place, at once, and as if it was never taken.' })
  @ApiParam(TASK)
  @TaskErrors(UNHELD_EXAMPLES)
  @ApiHeader(TOKEN)
  @ApiOkResponse({ type: ReturnedTaskDto })
  async release(
    @CurrentCaller() { tenantSeq }: Caller,
    @Param('id') id: string,
    @Headers(LEASE_TOKEN_HEADER) token: string | undefined,
    @Body() body: ReleaseDto,
  ): Promise<ReturnedTaskDto> {
    const epoch = epochOf(id, token, body);
    const [verdict] = await this.pull.release(tenantSeq, [{ taskId: id, epoch }]);
    refuseUnheld(id, verdict!);
    return this.returned(id);
  }

  /** In the order of the ids; tasks that were forgotten meanwhile are left out. */
  private async leasesOf(ids: readonly string[]): Promise<KeptLeaseDto[]> {
    const tasks = await this.reader.storedByIds(ids, null, false);
    return ids.flatMap((id, index) => {
      const task = tasks[index];
      return task ? [{ task_id: id, lease_until: task.leaseUntil ?? 0 }] : [];
    });
  }

  /** What became of a task just now. Where somebody has taken it again since, it was ready. */
  private async returned(id: string): Promise<ReturnedTaskDto> {
    const [task] = await this.reader.storedByIds([id], null, false);
    const state = task ? TASK_STATES[task.state]! : 'ready';
    return { task_id: id, state: state === 'scheduled' || state === 'failed' ? state : 'ready' };
  }
}

function epochOf(
  id: string,
  header: string | undefined,
  { lease_token: token }: { lease_token?: string | null },
): number | null {
  return epochOfToken(id, givenHeader(header, LEASE_TOKEN_HEADER) ?? token ?? null);
}

function toMs(seconds: number | null | undefined): number | null {
  return isGiven(seconds) ? seconds * 1000 : null;
}
