/** What each lane holds, how fast it moves, and why it does not if it does not. */
import { Injectable } from '@nestjs/common';
import { Clock } from '../../kernel/clock.js';
import { Limiter } from '../../ports/limiter.js';
import { QueueStore, type StoredLane } from '../../store/queue.store.js';
import { TaskStore, type LaneDepth } from '../../store/task.store.js';
import { UpstreamHealth } from '../upstreams/upstream-health.js';
import { LaneRates, type LaneRate } from './lane-rates.js';
import { QueuesService, type Lane } from './queues.service.js';
import { WaitReasons } from './wait-reasons.js';

/** Counts are tasks; `oldestAgeMs` is how long the task at the head has been in the lane. */
export interface LaneStats extends Omit<LaneDepth, 'oldestReadyAt'>, LaneRate {
  lane: Lane;
  oldestAgeMs: number | null;
  totals: Pick<
    StoredLane,
    'putCount' | 'takenCount' | 'completedCount' | 'failedCount' | 'expiredCount' | 'cancelledCount'
  >;
  /** A sentence when ready tasks are not being taken, else null: none is ready, or they move. */
  waitsBecause: string | null;
}

@Injectable()
export class QueueStatsService {
  constructor(
    private readonly queues: QueuesService,
    private readonly queueStore: QueueStore,
    private readonly tasks: TaskStore,
    private readonly limiter: Limiter,
    private readonly health: UpstreamHealth,
    private readonly rates: LaneRates,
    private readonly clock: Clock,
  ) {}

  /** All lanes that are wanted, by queue and level. */
  async lanes(isWanted: (lane: Lane) => boolean = () => true): Promise<LaneStats[]> {
    const seen = (await this.queueStore.lanes()).flatMap((row) => {
      const lane = this.queues.laneBySeq(row.seq);
      return lane ? [this.look(lane, row)] : [];
    });
    const reasons = new WaitReasons(seen, this.limiter, this.health);
    const stats: LaneStats[] = [];
    for (const one of seen) {
      if (!isWanted(one.lane)) continue;
      const { lane, totals, rate } = one;
      const { oldestReadyAt, ...depth } = await one.depth();
      const oldestAgeMs = oldestReadyAt === null ? null : this.clock.now() - oldestReadyAt;
      const waitsBecause = depth.ready === 0 ? null : await reasons.of(one);
      stats.push({ lane, ...depth, ...rate, oldestAgeMs, totals, waitsBecause });
    }
    return stats;
  }

  private look(lane: Lane, row: StoredLane) {
    const rate = this.rates.of(row);
    let depth: Promise<LaneDepth> | null = null;
    return {
      lane,
      totals: row,
      rate,
      moves: rate.completedPerSecond > 0,
      depth: () => (depth ??= this.tasks.laneDepth(row.seq)),
    };
  }
}
