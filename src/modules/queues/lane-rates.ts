/** How many tasks each lane completes a second, from its total as it was up to a minute ago. Kept in memory. */
import { Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { Clock } from '../../kernel/clock.js';
import { ServiceLoop } from '../../kernel/service-loop.js';
import { QueueStore, type StoredLane } from '../../store/queue.store.js';
import { AppLogger } from '../../telemetry/logger.js';

interface Sample {
  at: number;
  /** Tasks completed ever, by lane. */
  completed: ReadonlyMap<number, number>;
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
  completedPerSecond({ seq, completedCount }: Pick<StoredLane, 'seq' | 'completedCount'>): number {
    const now = this.clock.now();
    const oldest = this.samples.find(({ at }) => now - at <= WINDOW_MS);
    if (!oldest) return 0;
    // A lane that was not there yet had completed nothing.
    const before = oldest.completed.get(seq) ?? 0;
    return ((completedCount - before) * 1000) / Math.max(SHORTEST_MS, now - oldest.at);
  }

  /** Notes the totals as they are now. */
  async sample(): Promise<void> {
    const lanes = await this.store.lanes();
    const at = this.clock.now();
    const completed = new Map(lanes.map(({ seq, completedCount }) => [seq, completedCount]));
    this.samples = [...this.samples.filter((sample) => at - sample.at <= WINDOW_MS), { at, completed }];
  }
}
