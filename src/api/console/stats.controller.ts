import { Controller, Get } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { QueueStatsService, type LaneStats } from '../../modules/queues/queue-stats.service.js';
import { Scopes } from '../common/scopes.decorator.js';
import { StatsDto, type LaneStatsDto } from './stats.dto.js';

@ApiTags('Console: stats')
@Scopes('admin')
@Controller('v1/console/stats')
export class StatsController {
  constructor(private readonly stats: QueueStatsService) {}

  @Get()
  @ApiOperation({ summary: 'What each queue holds at each level, and why it does not move if it does not' })
  @ApiOkResponse({ type: StatsDto })
  async list(): Promise<StatsDto> {
    const lanes = await this.stats.lanes();
    const perSecond = lanes.reduce((sum, { completedPerSecond }) => sum + completedPerSecond, 0);
    return { completed_per_second: toTenths(perSecond), lanes: lanes.map(toLaneStatsDto) };
  }
}

function toLaneStatsDto(stats: LaneStats): LaneStatsDto {
  const { lane, ready, scheduled, leased, oldestAgeMs, totals, waitsBecause } = stats;
  return {
    queue: lane.queue.name,
    queue_id: lane.queue.id,
    level: lane.level,
    ready,
    scheduled,
    leased,
    oldest_age_seconds: oldestAgeMs === null ? null : oldestAgeMs / 1000,
    completed_per_second: toTenths(stats.completedPerSecond),
    totals: {
      put: totals.putCount,
      taken: totals.takenCount,
      completed: totals.completedCount,
      failed: totals.failedCount,
      expired: totals.expiredCount,
      cancelled: totals.cancelledCount,
    },
    waits_because: waitsBecause,
  };
}

/** To one decimal place, but never to nothing. */
function toTenths(rate: number): number {
  return rate === 0 ? 0 : Math.max(0.1, Math.round(rate * 10) / 10);
}
