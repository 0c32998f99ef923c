/** What each lane holds, and why it does not move if it does not. */
import { Injectable } from '@nestjs/common';
import { Clock } from '../../kernel/clock.js';
import { Limiter } from '../../ports/limiter.js';
import { QueueStore, type StoredLane } from '../../store/queue.store.js';
import { TaskStore, type LaneDepth } from '../../store/task.store.js';
import { QueuesService, type Lane } from './queues.service.js';
import { permitKeyOf } from '../upstreams/upstream.js';

/** Counts are tasks; `oldestAgeMs` is how long the task at the head has been in the lane. */
export interface LaneStats extends Omit<LaneDepth, 'oldestReadyAt'> {
  lane: Lane;
  oldestAgeMs: number | null;
  totals: Pick<
    StoredLane,
    'putCount' | 'takenCount' | 'completedCount' | 'failedCount' | 'expiredCount' | 'cancelledCount'
  >;
  /** A sentence when ready tasks are not being taken, else null. */
  waitsBecause: string | null;
}

@Injectable()
export class QueueStatsService {
  constructor(
    private readonly queues: QueuesService,
    private readonly queueStore: QueueStore,
    private readonly tasks: TaskStore,
    private readonly limiter: Limiter,
    private readonly clock: Clock,
  ) {}

  /** All lanes, by queue and level. */
  async lanes(): Promise<LaneStats[]> {
    const stats: LaneStats[] = [];
    for (const row of await this.queueStore.lanes()) {
      const lane = this.queues.laneBySeq(row.seq);
      if (!lane) continue;
      const { oldestReadyAt, ...depth } = await this.tasks.laneDepth(row.seq);
      const oldestAgeMs = oldestReadyAt === null ? null : this.clock.now() - oldestReadyAt;
      const waitsBecause = depth.ready === 0 ? null : await this.whyWaiting(lane);
      stats.push({ lane, ...depth, oldestAgeMs, totals: row, waitsBecause });
    }
    return stats;
  }

  private async whyWaiting({ queue, upstream }: Lane): Promise<string | null> {
    if (queue.isPaused) return `the queue '${queue.name}' is paused`;
    if (queue.consumers.size === 0)
      return `nothing consumes the queue '${queue.name}': give it an upstream or a worker`;
    if (!upstream) return queue.consumers.has('upstream') ? `the queue '${queue.name}' has lost its upstream` : null;
    const pausedUntil = await this.limiter.pausedUntil(permitKeyOf(upstream));
    if (pausedUntil !== null) {
      const at = new Date(pausedUntil).toISOString();
      return `the upstream '${upstream.name}' is not called before ${at}: it asked for a pause or does not answer`;
    }
    const inUse = await this.limiter.inUse(permitKeyOf(upstream));
    if (inUse >= upstream.concurrency)
      return `all ${upstream.concurrency} permits of the upstream '${upstream.name}' are in use`;
    return null;
  }
}
