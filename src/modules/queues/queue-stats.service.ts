/** What each lane holds, how fast it moves, and why it does not if it does not. */
import { Injectable } from '@nestjs/common';
import { Clock } from '../../kernel/clock.js';
import { Limiter } from '../../ports/limiter.js';
import { QueueStore, type StoredLane } from '../../store/queue.store.js';
import { TaskStore, type LaneDepth } from '../../store/task.store.js';
import { permitKeyOf, type Upstream } from '../upstreams/upstream.js';
import { UpstreamHealth } from '../upstreams/upstream-health.js';
import { LaneRates } from './lane-rates.js';
import type { Queue } from './queue.js';
import { QueuesService, type Lane } from './queues.service.js';

/** Counts are tasks; `oldestAgeMs` is how long the task at the head has been in the lane. */
export interface LaneStats extends Omit<LaneDepth, 'oldestReadyAt'> {
  lane: Lane;
  oldestAgeMs: number | null;
  /** Over the last minute. */
  completedPerSecond: number;
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
    const stats: LaneStats[] = [];
    const rows = await this.queueStore.lanes();
    for (const row of rows) {
      const lane = this.queues.laneBySeq(row.seq);
      if (!lane || !isWanted(lane)) continue;
      const { oldestReadyAt, ...depth } = await this.tasks.laneDepth(row.seq);
      const oldestAgeMs = oldestReadyAt === null ? null : this.clock.now() - oldestReadyAt;
      const completedPerSecond = this.rates.completedPerSecond(row);
      const lanesOfQueue = rows.filter(({ queueSeq }) => queueSeq === row.queueSeq).map(({ seq }) => seq);
      const waitsBecause =
        depth.ready === 0 ? null : await this.whyWaiting(lane, depth.leased, completedPerSecond > 0, lanesOfQueue);
      stats.push({ lane, ...depth, oldestAgeMs, completedPerSecond, totals: row, waitsBecause });
    }
    return stats;
  }

  /** `leased`: tasks of the lane that run now; `moves`: whether any of its tasks was completed of late. */
  private async whyWaiting(
    { queue, upstream }: Lane,
    leased: number,
    moves: boolean,
    lanesOfQueue: readonly number[],
  ): Promise<string | null> {
    if (queue.isPaused) return `the queue '${queue.name}' is paused`;
    if (queue.consumers.size === 0)
      return `nothing consumes the queue '${queue.name}': give it an upstream or a worker`;
    if (queue.maxConcurrency !== null && (await this.leasedOf(lanesOfQueue)) >= queue.maxConcurrency)
      return `all ${queue.maxConcurrency} tasks that the queue '${queue.name}' may run at a time are running`;
    if (upstream) return this.whyNotCalled(upstream);
    return whyNotTaken(queue, leased, moves);
  }

  private async leasedOf(laneSeqs: readonly number[]): Promise<number> {
    const depths = await Promise.all(laneSeqs.map((seq) => this.tasks.laneDepth(seq)));
    return depths.reduce((sum, { leased }) => sum + leased, 0);
  }

  private async whyNotCalled(upstream: Upstream): Promise<string | null> {
    const { name } = upstream;
    const condition = this.health.of(upstream);
    if (condition?.broken) {
      const { since, reason } = condition.broken;
      return `the upstream '${name}' has not worked since ${isoTime(since)}: ${reason}`;
    }
    const pausedUntil = await this.limiter.pausedUntil(permitKeyOf(upstream));
    if (pausedUntil !== null) return `the upstream '${name}' asked not to be called before ${isoTime(pausedUntil)}`;
    const inUse = await this.limiter.inUse(permitKeyOf(upstream));
    const allowed = condition?.allowed ?? upstream.concurrency;
    if (inUse < allowed) return null;
    if (allowed === upstream.concurrency) return `all ${allowed} permits of the upstream '${name}' are in use`;
    return `all ${allowed} permits of the upstream '${name}' are in use; it said that ${upstream.concurrency} are too many`;
  }
}

/** The tasks of this queue are not ours to run, or not any more. */
function whyNotTaken({ name, consumers }: Queue, leased: number, moves: boolean): string | null {
  if (consumers.has('upstream')) return `the queue '${name}' has lost its upstream`;
  if (!consumers.has('pull'))
    return `the functions of this server are busy, or none handles the tasks of the queue '${name}'`;
  if (leased > 0) {
    const held = leased === 1 ? '1 task' : `${leased} tasks`;
    return `the workers of the queue '${name}' are busy with ${held} of this level`;
  }
  // Workers that come and go in an instant hold nothing at most times.
  return moves ? null : `no worker takes from the queue '${name}'`;
}

function isoTime(at: number): string {
  return new Date(at).toISOString();
}
