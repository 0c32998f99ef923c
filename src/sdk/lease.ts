import type { LeasedTask } from './task.js';
import { LeaseLost } from './worker-errors.js';

/** The right to work on a task, from its taking until an answer was recorded or the right was lost. */
export class Lease {
  private readonly ending = new AbortController();
  private lost = false;

  constructor(readonly task: LeasedTask) {}

  get taskId(): string {
    return this.task.id;
  }

  get token(): string {
    return this.task.leaseToken;
  }

  /** Fires when nobody wants the work any more. */
  get signal(): AbortSignal {
    return this.ending.signal;
  }

  /** The server says that the task is not ours any more: nothing more needs to be said of it. */
  get isLost(): boolean {
    return this.lost;
  }

  lose(): void {
    this.lost = true;
    this.ending.abort(new LeaseLost(this.taskId));
  }

  /** Asks whoever works on it to stop, although the lease is still ours. */
  interrupt(reason: Error): void {
    this.ending.abort(reason);
  }
}
