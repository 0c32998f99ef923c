import { Body, Controller, Delete, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import { Clock } from '../../kernel/clock.js';
import { actorOf, type Caller } from '../../modules/access/caller.js';
import { KeysService, type CreatedKey } from '../../modules/access/keys.service.js';
import { TenantsService } from '../../modules/access/tenants.service.js';
import type { StoredKey } from '../../store/access.store.js';
import { ApiErrors } from '../common/api-errors.decorator.js';
import { CurrentCaller } from '../common/caller.decorator.js';
import { ApiPageQuery, readPageRequest, toPage, type Page } from '../common/page.js';
import { Scopes } from '../common/scopes.decorator.js';
import { CreatedKeyDto, CreateKeyDto, KeyDto, KeyListDto, RotateKeyDto } from './key.dto.js';
import { toKeyDto, toKeySpec } from './key.mapper.js';

const PAGE = { defaultLimit: 100, maxLimit: 1_000 };
const PARAM = { name: 'id', example: 'key_0198f3a2c4d57b1e8a3f5c6d7e8f9a0b' };
const UNKNOWN = "No key has the id 'key_0198f3a2c4d57b1e8a3f5c6d7e8f9a0b'.";

/** Who may call, and what. */
@ApiTags('Console: keys and tenants')
@Scopes('admin')
@Controller('v1/console/keys')
export class KeysController {
  constructor(
    private readonly keys: KeysService,
    private readonly tenants: TenantsService,
    private readonly clock: Clock,
  ) {}

  @Get()
  @ApiOperation({ summary: 'List the keys of all tenants, newest first', description: 'Revoked ones too.' })
  @ApiPageQuery(PAGE)
  @ApiOkResponse({ type: KeyListDto })
  @ApiErrors({ 400: "Invalid 'limit': integer above maximum value. Expected a value <= 1000, but got 1001 instead." })
  async list(@Query() query: Record<string, unknown>): Promise<Page<KeyDto>> {
    const { after, limit } = readPageRequest(query, PAGE);
    const { keys, hasMore } = await this.keys.list(after, limit);
    return toPage(await this.render(keys), hasMore);
  }

  @Post()
  @HttpCode(200)
  @ApiOperation({ summary: 'Make a key', description: 'The first key of a tenant makes the tenant.' })
  @ApiOkResponse({ type: CreatedKeyDto })
  @ApiErrors({ 400: "Invalid 'expires_at': it is in the past." })
  async create(@CurrentCaller() caller: Caller, @Body() body: CreateKeyDto): Promise<CreatedKeyDto> {
    return this.show(await this.keys.create(toKeySpec(body, this.clock.now()), actorOf(caller)));
  }

  @Delete(':id')
  @ApiOperation({
    summary: 'Revoke a key',
    description: 'It stays in the list and is refused from now on. What waits or streams with it ends; tasks go on.',
  })
  @ApiParam(PARAM)
  @ApiOkResponse({ type: KeyDto })
  @ApiErrors({ 404: UNKNOWN })
  async revoke(@CurrentCaller() caller: Caller, @Param('id') id: string): Promise<KeyDto> {
    const [dto] = await this.render([await this.keys.revoke(id, actorOf(caller))]);
    return dto!;
  }

  @Post(':id/rotate')
  @HttpCode(200)
  @ApiOperation({ summary: 'Put another key in the place of one', description: 'It may do the same, for as long.' })
  @ApiParam(PARAM)
  @ApiOkResponse({ type: CreatedKeyDto })
  @ApiErrors({
    400: "Invalid 'overlap_seconds': integer above maximum value. Expected a value <= 86400, but got 90000 instead.",
    404: UNKNOWN,
    409: "The key 'key_0198f3a2c4d57b1e8a3f5c6d7e8f9a0b' was revoked. Make a new key instead.",
  })
  async rotate(
    @CurrentCaller() caller: Caller,
    @Param('id') id: string,
    @Body() body: RotateKeyDto,
  ): Promise<CreatedKeyDto> {
    return this.show(await this.keys.rotate(id, (body.overlap_seconds ?? 0) * 1000, actorOf(caller)));
  }

  private async show({ key, token }: CreatedKey): Promise<CreatedKeyDto> {
    const dto = toKeyDto(key, await this.tenants.namesOf([key.tenantSeq]));
    return Object.assign(dto, { token });
  }

  private async render(keys: readonly StoredKey[]): Promise<KeyDto[]> {
    const tenants = await this.tenants.namesOf(keys.map(({ tenantSeq }) => tenantSeq));
    return keys.map((key) => toKeyDto(key, tenants));
  }
}
