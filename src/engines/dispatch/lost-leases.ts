/**
 * Whoever ends a task that is being run here says so, and that may get lost: in an outage of Redis, say. So this process looks
 * with each sign of life whether it still holds what it runs, and ends the calls of what it does not: nobody wants their answers.
 */
import { Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { ServiceLoop } from '../../kernel/service-loop.js';
import { BEAT_MS } from '../../modules/instances/instance-policy.js';
import { TaskStore } from '../../store/task.store.js';
import { DispatchPorts } from './dispatch-ports.js';
import { DispatchTelemetry } from './dispatch-telemetry.js';
import { HandlerRunner } from './handlers/handler-runner.js';
import { TaskRunner } from './task-runner.js';

@Injectable()
export class LostLeases implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly looks: ServiceLoop;

  constructor(
    private readonly ports: DispatchPorts,
    private readonly tasks: TaskStore,
    private readonly calls: TaskRunner,
    private readonly functions: HandlerRunner,
    telemetry: DispatchTelemetry,
  ) {
    this.looks = new ServiceLoop({
      name: 'lost-leases',
      intervalMs: BEAT_MS,
      step: () => this.look(),
      onError: (error) =>
        telemetry.failed(error, 'it could not be looked whether running tasks have ended; tried again'),
    });
  }

  onApplicationBootstrap(): void {
    this.looks.start();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.looks.stop();
  }

  /** Only at what has run for a while: most calls are over before anybody could end them. */
  private async look(): Promise<void> {
    const startedBefore = this.ports.clock.now() - BEAT_MS;
    const running = [...this.calls.runningSince(startedBefore), ...this.functions.runningSince(startedBefore)];
    for (const { seq, epoch } of await this.tasks.lostOf(running)) {
      this.calls.abortTask(seq, epoch);
      this.functions.abortTask(seq, epoch);
    }
  }
}
