import { Body, Controller, Get, Param, Patch, Query } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import { actorOf, type Caller } from '../../modules/access/caller.js';
import { TenantsService } from '../../modules/access/tenants.service.js';
import { ApiErrors } from '../common/api-errors.decorator.js';
import { CurrentCaller } from '../common/caller.decorator.js';
import { ApiPageQuery, readPageRequest, toPage, type Page } from '../common/page.js';
import { Scopes } from '../common/scopes.decorator.js';
import { TenantDto, TenantListDto, UpdateTenantDto } from './tenant.dto.js';
import { toTenantChanges, toTenantDto } from './tenant.mapper.js';

const PAGE = { defaultLimit: 20, maxLimit: 100 };

@ApiTags('Console: keys and tenants')
@Scopes('admin')
@Controller('v1/console/tenants')
export class TenantsController {
  constructor(private readonly tenants: TenantsService) {}

  @Get()
  @ApiOperation({ summary: 'List tenants with their quotas and what they use of them, oldest first' })
  @ApiPageQuery(PAGE)
  @ApiOkResponse({ type: TenantListDto })
  @ApiErrors({ 400: "Invalid 'limit': integer above maximum value. Expected a value <= 100, but got 101 instead." })
  async list(@Query() query: Record<string, unknown>): Promise<Page<TenantDto>> {
    const { after, limit } = readPageRequest(query, PAGE);
    const { tenants, hasMore } = await this.tenants.list(after, limit);
    return toPage(tenants.map(toTenantDto), hasMore);
  }

  @Patch(':name')
  @ApiOperation({
    summary: 'Set the quotas of a tenant',
    description: 'They hold from the next file and the next batch on.',
  })
  @ApiParam({ name: 'name', example: 'acme' })
  @ApiOkResponse({ type: TenantDto })
  @ApiErrors({
    400: "Invalid 'max_files': integer below minimum value. Expected a value >= 0, but got -1 instead.",
    404: "No tenant is named 'acme'.",
  })
  async update(
    @CurrentCaller() caller: Caller,
    @Param('name') name: string,
    @Body() body: UpdateTenantDto,
  ): Promise<TenantDto> {
    return toTenantDto(await this.tenants.update(name, toTenantChanges(body), actorOf(caller)));
  }
}
