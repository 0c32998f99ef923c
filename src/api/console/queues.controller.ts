import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Post } from '@nestjs/common';
import { ApiBody, ApiOkResponse, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import { DEFAULT_TENANT } from '../../kernel/default-names.js';
import { actorOf, type Caller } from '../../modules/access/caller.js';
import { TenantsService } from '../../modules/access/tenants.service.js';
import { QueueSetupService } from '../../modules/setup/queue-setup.service.js';
import { UpstreamSetupService } from '../../modules/setup/upstream-setup.service.js';
import type { StoredQueue } from '../../store/queue.store.js';
import { ApiErrors } from '../common/api-errors.decorator.js';
import { CurrentCaller } from '../common/caller.decorator.js';
import { toPage, type Page } from '../common/page.js';
import { Scopes } from '../common/scopes.decorator.js';
import { DeletedDto } from './deleted.dto.js';
import { CREATE_QUEUE_EXAMPLES, CreateQueueDto, QueueDto, QueueListDto, UpdateQueueDto } from './queue.dto.js';
import { toQueueChanges, toQueueDto, toQueueSettings } from './queue.mapper.js';

const UNKNOWN = "No queue has the name or id 'chat'.";
const PARAM = { name: 'name', description: 'Its name or id', example: 'chat' };

/** Where tasks wait, and who works them off. */
@ApiTags('Console: queues')
@Scopes('admin')
@Controller('v1/console/queues')
export class QueuesController {
  constructor(
    private readonly queues: QueueSetupService,
    private readonly upstreams: UpstreamSetupService,
    private readonly tenants: TenantsService,
  ) {}

  @Get()
  @ApiOperation({ summary: 'List the queues of all tenants, oldest first' })
  @ApiOkResponse({ type: QueueListDto })
  async list(): Promise<Page<QueueDto>> {
    return toPage(await this.render(await this.queues.list()), false);
  }

  @Post()
  @HttpCode(200)
  @ApiOperation({ summary: 'Add a queue' })
  @ApiBody({ type: CreateQueueDto, examples: CREATE_QUEUE_EXAMPLES })
  @ApiOkResponse({ type: QueueDto })
  @ApiErrors({
    400: "Invalid 'consumers': 'upstream' needs the name of one in 'upstream'.",
    404: "No tenant is named 'acme'.",
    409: "There is a shared queue named 'chat' already.",
  })
  async create(@CurrentCaller() caller: Caller, @Body() body: CreateQueueDto): Promise<QueueDto> {
    const tenant = body.tenant ?? DEFAULT_TENANT;
    return this.show(await this.queues.create(tenant, body.name, toQueueSettings(body), actorOf(caller)));
  }

  @Get(':name')
  @ApiOperation({ summary: 'Describe a queue' })
  @ApiParam(PARAM)
  @ApiOkResponse({ type: QueueDto })
  @ApiErrors({ 404: UNKNOWN })
  async retrieve(@Param('name') name: string): Promise<QueueDto> {
    return this.show(await this.queues.get(name));
  }

  @Patch(':name')
  @ApiOperation({ summary: 'Change a queue', description: 'In effect at once; what is left out stays as it is.' })
  @ApiParam(PARAM)
  @ApiOkResponse({ type: QueueDto })
  @ApiErrors({
    400: "Invalid value: 'public'. Supported values are: 'private' and 'shared'.",
    404: UNKNOWN,
    409: "There is another tenant's queue named 'chat' already.",
  })
  async update(
    @CurrentCaller() caller: Caller,
    @Param('name') name: string,
    @Body() body: UpdateQueueDto,
  ): Promise<QueueDto> {
    return this.show(await this.queues.update(name, toQueueChanges(body), actorOf(caller)));
  }

  @Delete(':name')
  @ApiOperation({
    summary: 'Remove an empty queue',
    description:
      'One that holds neither tasks nor dead letters: those are sent back (`POST /v1/queue/dead/redrive`) or deleted ' +
      '(`POST /v1/queue/dead/drop`) first. Tasks that have ended keep its name, and are kept as long as it would have kept them.',
  })
  @ApiParam(PARAM)
  @ApiOkResponse({ type: DeletedDto })
  @ApiErrors({
    404: UNKNOWN,
    409: "The queue 'chat' still holds 12 tasks. Only an empty queue can be deleted.",
  })
  async delete(@CurrentCaller() caller: Caller, @Param('name') name: string): Promise<DeletedDto> {
    const { id } = await this.queues.delete(name, actorOf(caller));
    return { id, object: 'queue', deleted: true };
  }

  @Post(':name/pause')
  @HttpCode(200)
  @ApiOperation({ summary: 'Hand out no more tasks of a queue', description: 'Those that run go on.' })
  @ApiParam(PARAM)
  @ApiOkResponse({ type: QueueDto })
  @ApiErrors({ 404: UNKNOWN })
  async pause(@CurrentCaller() caller: Caller, @Param('name') name: string): Promise<QueueDto> {
    return this.show(await this.queues.setPaused(name, true, actorOf(caller)));
  }

  @Post(':name/resume')
  @HttpCode(200)
  @ApiOperation({ summary: 'Hand out the tasks of a queue again' })
  @ApiParam(PARAM)
  @ApiOkResponse({ type: QueueDto })
  @ApiErrors({ 404: UNKNOWN })
  async resume(@CurrentCaller() caller: Caller, @Param('name') name: string): Promise<QueueDto> {
    return this.show(await this.queues.setPaused(name, false, actorOf(caller)));
  }

  private async show(row: StoredQueue): Promise<QueueDto> {
    const [dto] = await this.render([row]);
    return dto!;
  }

  private async render(rows: readonly StoredQueue[]): Promise<QueueDto[]> {
    const tenants = await this.tenants.namesOf(rows.map(({ tenantSeq }) => tenantSeq));
    const upstreams = new Map((await this.upstreams.list()).map(({ seq, name }) => [seq, name]));
    return rows.map((row) => toQueueDto(row, { tenants, upstreams }));
  }
}
