import { Controller, Get } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { QueueStatsService, type LaneStats } from '../../modules/queues/queue-stats.service.js';
import { Scopes } from '../common/scopes.decorator.js';

interface LaneView {
  queue: string;
  level: number;
  ready: number;
  scheduled: number;
  leased: number;
  oldest_age_seconds: number | null;
  totals: Record<'put' | 'taken' | 'completed' | 'failed' | 'expired' | 'cancelled', number>;
  waits_because: string | null;
}

const EXAMPLE: { lanes: LaneView[] } = {
  lanes: [
    {
      queue: 'default',
      level: 1,
      ready: 49_936,
      scheduled: 0,
      leased: 64,
      oldest_age_seconds: 12.5,
      totals: { put: 50_000, taken: 64, completed: 0, failed: 0, expired: 0, cancelled: 0 },
      waits_because: "all 64 permits of the upstream 'default' are in use",
    },
  ],
};

@ApiTags('Console')
@Scopes('admin')
@Controller('v1/console/stats')
export class StatsController {
  constructor(private readonly stats: QueueStatsService) {}

  @Get()
  @ApiOperation({ summary: 'What each queue holds at each level, and why it does not move if it does not' })
  @ApiOkResponse({ schema: { example: EXAMPLE } })
  async list(): Promise<{ lanes: LaneView[] }> {
    return { lanes: (await this.stats.lanes()).map(toLaneView) };
  }
}

function toLaneView(stats: LaneStats): LaneView {
  const { lane, ready, scheduled, leased, oldestAgeMs, totals, waitsBecause } = stats;
  return {
    queue: lane.queue.name,
    level: lane.level,
    ready,
    scheduled,
    leased,
    oldest_age_seconds: oldestAgeMs === null ? null : oldestAgeMs / 1000,
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
