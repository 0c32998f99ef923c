/**
 * A lease whose answer did not come may have been made: the store fell silent while it committed, and nobody can say. Its tasks
 * would wait under it for nothing until this process ends. So after a lease that failed, what this process has leased until then
 * is compared with what it runs, and goes back to its place if it is not among that.
 */
import { Injectable, type BeforeApplicationShutdown } from '@nestjs/common';
import { LeaseRescue } from '../../modules/instances/lease-rescue.js';
import { DispatchPorts } from './dispatch-ports.js';
import { DispatchTelemetry } from './dispatch-telemetry.js';
import { HandlerRunner } from './handlers/handler-runner.js';
import { TaskRunner } from './task-runner.js';

/**
 * By then a task that was leased before the failure runs, is over, or has gone back: one that waits for a permit does so for
 * seconds at most (see LaneStock). And a commit that was cut off is one or is none.
 */
export const LOOK_AFTER_MS = 15_000;

@Injectable()
export class LeaseDoubts implements BeforeApplicationShutdown {
  /** Epoch ms of the latest failure that has not been looked into; null for none. */
  private failedAt: number | null = null;
  private timer: NodeJS.Timeout | null = null;
  private isStopped = false;

  constructor(
    private readonly ports: DispatchPorts,
    private readonly rescue: LeaseRescue,
    private readonly calls: TaskRunner,
    private readonly functions: HandlerRunner,
    private readonly telemetry: DispatchTelemetry,
  ) {}

  /** A lease for this process has failed. */
  note(): void {
    this.failedAt = this.ports.clock.now();
    this.lookLater();
  }

  /** The leases of a server that stops are taken back by others. */
  beforeApplicationShutdown(): void {
    this.isStopped = true;
    if (this.timer) clearTimeout(this.timer);
  }

  private lookLater(): void {
    if (this.isStopped || this.failedAt === null) return;
    this.timer ??= setTimeout(() => void this.look(), LOOK_AFTER_MS);
    this.timer.unref();
  }

  private async look(): Promise<void> {
    this.timer = null;
    const failedAt = this.failedAt!;
    const until = Math.min(failedAt, this.ports.clock.now() - LOOK_AFTER_MS);
    if (until === failedAt) this.failedAt = null;
    await this.takeBack(until).catch((error: unknown) => {
      this.failedAt ??= failedAt;
      this.telemetry.failed(
        error,
        'it could not be looked whether tasks are leased of which nobody knows; tried again',
      );
    });
    this.lookLater();
  }

  private async takeBack(until: number): Promise<void> {
    const known = () => [...this.calls.taskSeqs(), ...this.functions.taskSeqs()];
    const total = await this.rescue.takeBackUnknown(this.ports.instance.seq, until, known);
    if (total > 0) this.telemetry.foundUnknown(total);
  }
}
