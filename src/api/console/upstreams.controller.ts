import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Post } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import { actorOf, type Caller } from '../../modules/access/caller.js';
import { UpstreamSetupService } from '../../modules/setup/upstream-setup.service.js';
import { ApiErrors } from '../common/api-errors.decorator.js';
import { CurrentCaller } from '../common/caller.decorator.js';
import { toPage, type Page } from '../common/page.js';
import { Scopes } from '../common/scopes.decorator.js';
import { DeletedDto } from './deleted.dto.js';
import { CreateUpstreamDto, UpdateUpstreamDto, UpstreamDto, UpstreamListDto, UpstreamTestDto } from './upstream.dto.js';
import { toUpstreamChanges, toUpstreamDto, toUpstreamSettings, toUpstreamTestDto } from './upstream.mapper.js';

const UNKNOWN = "No upstream has the name or id 'example-ai'.";
const FROM_VARIABLES = "The upstream 'default' is set up by MILLRACE_UPSTREAM_*: change those variables instead.";
const PARAM = { name: 'name', description: 'Its name or id', example: 'example-ai' };

/** The model servers that queues can be worked off by. */
@ApiTags('Console: upstreams')
@Scopes('admin')
@Controller('v1/console/upstreams')
export class UpstreamsController {
  constructor(private readonly upstreams: UpstreamSetupService) {}

  @Get()
  @ApiOperation({ summary: 'List all upstreams, oldest first' })
  @ApiOkResponse({ type: UpstreamListDto })
  async list(): Promise<Page<UpstreamDto>> {
    return toPage((await this.upstreams.list()).map(toUpstreamDto), false);
  }

  @Post()
  @HttpCode(200)
  @ApiOperation({ summary: 'Add an upstream' })
  @ApiOkResponse({ type: UpstreamDto })
  @ApiErrors({
    400: "Invalid 'base_url': expected an http or https URL without credentials, query and fragment.",
    409: "There is an upstream named 'example-ai' already.",
  })
  async create(@CurrentCaller() caller: Caller, @Body() body: CreateUpstreamDto): Promise<UpstreamDto> {
    return toUpstreamDto(await this.upstreams.create(toUpstreamSettings(body), actorOf(caller)));
  }

  @Get(':name')
  @ApiOperation({ summary: 'Describe an upstream' })
  @ApiParam(PARAM)
  @ApiOkResponse({ type: UpstreamDto })
  @ApiErrors({ 404: UNKNOWN })
  async retrieve(@Param('name') name: string): Promise<UpstreamDto> {
    return toUpstreamDto(await this.upstreams.get(name));
  }

  @Patch(':name')
  @ApiOperation({ summary: 'Change an upstream', description: 'In effect at once; what is left out stays as it is.' })
  @ApiParam(PARAM)
  @ApiOkResponse({ type: UpstreamDto })
  @ApiErrors({ 400: "Unknown parameter: 'name'.", 404: UNKNOWN, 409: FROM_VARIABLES })
  async update(
    @CurrentCaller() caller: Caller,
    @Param('name') name: string,
    @Body() body: UpdateUpstreamDto,
  ): Promise<UpstreamDto> {
    return toUpstreamDto(await this.upstreams.update(name, toUpstreamChanges(body), actorOf(caller)));
  }

  @Delete(':name')
  @ApiOperation({ summary: 'Remove an upstream that no queue uses' })
  @ApiParam(PARAM)
  @ApiOkResponse({ type: DeletedDto })
  @ApiErrors({
    404: UNKNOWN,
    409: "The upstream 'example-ai' is used by 'chat'. Give these queues another upstream, or none, first.",
  })
  async delete(@CurrentCaller() caller: Caller, @Param('name') name: string): Promise<DeletedDto> {
    const { id } = await this.upstreams.delete(name, actorOf(caller));
    return { id, object: 'upstream', deleted: true };
  }

  @Post(':name/test')
  @HttpCode(200)
  @ApiOperation({ summary: 'Ask an upstream for its models, to see whether its URL and key are right' })
  @ApiParam(PARAM)
  @ApiOkResponse({ type: UpstreamTestDto })
  @ApiErrors({ 404: UNKNOWN })
  async test(@Param('name') name: string): Promise<UpstreamTestDto> {
    return toUpstreamTestDto(await this.upstreams.test(name));
  }
}
