import { Controller, Get, Query } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { TenantsService } from '../../modules/access/tenants.service.js';
import { AuditService } from '../../modules/audit/audit.service.js';
import { ApiErrors } from '../common/api-errors.decorator.js';
import { ApiPageQuery, readPageRequest, toPage, type Page } from '../common/page.js';
import { Scopes } from '../common/scopes.decorator.js';
import { AuditListDto, type AuditEntryDto } from './audit.dto.js';
import { toAuditEntryDto } from './audit.mapper.js';

const PAGE = { defaultLimit: 100, maxLimit: 500 };

@ApiTags('Console: audit')
@Scopes('admin')
@Controller('v1/console/audit')
export class AuditController {
  constructor(
    private readonly audit: AuditService,
    private readonly tenants: TenantsService,
  ) {}

  @Get()
  @ApiOperation({ summary: 'What people did, newest first', description: 'Entries are never changed or removed.' })
  @ApiPageQuery(PAGE)
  @ApiOkResponse({ type: AuditListDto })
  @ApiErrors({
    400: "Invalid 'limit': integer above maximum value. Expected a value <= 500, but got 501 instead.",
    404: "No audit entry has the id 'audit_0198f3a2c4d57b1e8a3f5c6d7e8f9a0b'.",
  })
  async list(@Query() query: Record<string, unknown>): Promise<Page<AuditEntryDto>> {
    const { after, limit } = readPageRequest(query, PAGE);
    const { acts, hasMore } = await this.audit.list(after, limit);
    const tenants = await this.tenants.namesOf(acts.flatMap(({ tenantSeq }) => tenantSeq ?? []));
    return toPage(
      acts.map((act) => toAuditEntryDto(act, tenants)),
      hasMore,
    );
  }
}
