import { Controller, Get, Param } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import type { Caller } from '../../modules/access/caller.js';
import { BatchStatsService } from '../../modules/batches/batch-stats.service.js';
import { ApiErrors } from '../common/api-errors.decorator.js';
import { CurrentCaller } from '../common/caller.decorator.js';
import { Scopes } from '../common/scopes.decorator.js';
import { BatchStatsDto } from './batch-stats.dto.js';

const PARAM = { name: 'id', example: 'batch_01a2047eb4ae720a934c4b5e27779f71' };

/** What OpenAI's description of a batch has no place for. */
@ApiTags('Console: stats')
@Scopes('batches')
@Controller('v1/console/batches')
export class BatchStatsController {
  constructor(private readonly stats: BatchStatsService) {}

  @Get(':id/stats')
  @ApiOperation({ summary: 'Why a batch of yours does not move, if it does not' })
  @ApiParam(PARAM)
  @ApiOkResponse({ type: BatchStatsDto })
  @ApiErrors({ 404: `No batch found with id '${PARAM.example}'.` })
  async show(@CurrentCaller() { tenantSeq }: Caller, @Param('id') id: string): Promise<BatchStatsDto> {
    const { batch, waitsBecause } = await this.stats.of(tenantSeq, id);
    return { id: batch.id, status: batch.state, waits_because: waitsBecause };
  }
}
