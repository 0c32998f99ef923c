/** Runs the sweeps while this process leads, each in a loop of its own, so that a slow one holds up no other. */
import { Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { ServiceLoop } from '../../kernel/service-loop.js';
import { AppLogger } from '../../telemetry/logger.js';
import { Leader } from './leader.js';
import type { Sweep } from './sweep.js';
import { Sweeps } from './sweeps.js';

@Injectable()
export class MaintenanceEngine implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly loops: ServiceLoop[];

  constructor(
    sweeps: Sweeps,
    private readonly leader: Leader,
    private readonly logger: AppLogger,
  ) {
    this.loops = sweeps.all.map((sweep) => this.loopOf(sweep));
  }

  async onApplicationBootstrap(): Promise<void> {
    await this.leader.start();
    for (const loop of this.loops) loop.start();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await Promise.all([this.leader.stop(), ...this.loops.map((loop) => loop.stop())]);
  }

  private loopOf(sweep: Sweep): ServiceLoop {
    return new ServiceLoop({
      name: sweep.name,
      intervalMs: sweep.intervalMs,
      step: async () => this.leader.isSelf && (await sweep.run()),
      onError: (error) => this.logger.error({ err: error, sweep: sweep.name }, 'a sweep failed; it is tried again'),
    });
  }
}
