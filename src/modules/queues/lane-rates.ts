/** How many tasks a second go through each lane, from its totals as they were up to a minute ago. Kept in memory. */
import { Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { Clock } from '../../kernel/clock.js';
import { ServiceLoop } from '../../kernel/service-loop.js';
import { QueueStore, type StoredLane } from '../../store/queue.store.js';
import { AppLogger } from '../../telemetry/logger.js';

type LaneTotals = Pick<StoredLane, 'seq' | 'putCount' | 'takenCount' | 'completedCount'>;

interface Sample {
  at: number;
  totals: ReadonlyMap<number, LaneTotals>;
}

/** Tasks a second over the last minute. */
export interface LaneRate {
  putPerSecond: number;
  takenPerSecond: number;
  completedPerSecond: number;
}

const SAMPLE_MS = 5_000;
const WINDOW_MS = 60_000;
/** A rate over less than this would be noise. */
const SHORTEST_MS = 1_000;

@Injectable()
export class LaneRates implements OnModuleInit, OnModuleDestroy {
  /** Oldest first. */
  private samples: Sample[] = [];
  private readonly sampler: ServiceLoop;

  constructor(
    private readonly store: QueueStore,
    private readonly clock: Clock,
    logger: AppLogger,
  ) {
    this.sampler = new ServiceLoop({
      name: 'lane-rates',
      intervalMs: SAMPLE_MS,
      step: () => this.sample(),
      onError: (error) => logger.error({ err: error }, 'could not read the totals of the lanes'),
    });
  }

  async onModuleInit(): Promise<void> {
    await this.sample();
    this.sampler.start();
  }

  async onModuleDestroy(): Promise<void> {
    await this.sampler.stop();
  }

  /** `lane`: as it is now. */
  of(lane: LaneTotals): LaneRate {
    const now = this.clock.now();
    const oldest = this.samples.find(({ at }) => now - at <= WINDOW_MS);
    const perSecond = (count: 'putCount' | 'takenCount' | 'completedCount') => {
      if (!oldest) return 0;
      // Through a lane that was not there yet nothing had gone.
      const before = oldest.totals.get(lane.seq)?.[count] ?? 0;
      return ((lane[count] - before) * 1000) / Math.max(SHORTEST_MS, now - oldest.at);
    };
    return {
      putPerSecond: perSecond('putCount'),
      takenPerSecond: perSecond('takenCount'),
      completedPerSecond: perSecond('completedCount'),
    };
  }

  /** Notes the totals as they are now. */
  async sample(): Promise<void> {
    const lanes = await this.store.lanes();
    const at = this.clock.now();
    const totals = new Map(
      lanes.map(({ seq, putCount, takenCount, completedCount }) => [
        seq,
        { seq, putCount, takenCount, completedCount },
      ]),
    );
    this.samples = [...this.samples.filter((sample) => at - sample.at <= WINDOW_MS), { at, totals }];
  }
}
