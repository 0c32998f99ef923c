/** Sends the progress of one task, in order: what is said while a request is under way goes with the next. */
import { ApiError } from './api-error.js';
import { backoffMs, pause } from './backoff.js';
import type { Lease } from './lease.js';
import type { Progress, WorkerApi } from './worker-api.js';

interface Waiting {
  event: Progress;
  resolve: () => void;
  reject: (error: unknown) => void;
}

/** In one request. */
const MAX_EVENTS = 200;

export class ProgressSender {
  private readonly waiting: Waiting[] = [];
  private sending: Promise<void> | null = null;
  private refused: Error | null = null;

  constructor(
    private readonly api: Pick<WorkerApi, 'progress'>,
    private readonly lease: Lease,
  ) {}

  /**
   * Resolves when the event is stored, or when nobody wants it any more. Rejects when the server will not take it. It need
   * not be waited for: `flushed` tells of what went wrong.
   */
  add(event: Progress): Promise<void> {
    const stored = new Promise<void>((resolve, reject) => this.waiting.push({ event, resolve, reject }));
    stored.catch(() => null);
    this.start();
    return stored;
  }

  /** Resolves when nothing is left to send; rejects when the server refused any of it. */
  async flushed(): Promise<void> {
    while (this.sending !== null) await this.sending;
    if (this.refused !== null) throw this.refused;
  }

  private start(): void {
    this.sending ??= this.send().finally(() => {
      this.sending = null;
      if (this.waiting.length > 0) this.start(); // said while the last request was being settled
    });
  }

  private async send(): Promise<void> {
    await Promise.resolve(); // what is said in one go goes together
    for (let failures = 0; this.waiting.length > 0;) {
      const group = this.waiting.slice(0, MAX_EVENTS);
      try {
        if (!this.lease.signal.aborted) await this.sendGroup(group);
        failures = 0;
      } catch (error) {
        if (error instanceof ApiError && error.isPassing) {
          failures += 1;
          await pause(Math.max(backoffMs(failures), error.retryAfterMs ?? 0), this.lease.signal);
          continue;
        }
        this.refused ??= error as Error;
        for (const { reject } of group) reject(error);
      }
      this.waiting.splice(0, group.length);
      for (const { resolve } of group) resolve();
    }
  }

  private async sendGroup(group: readonly Waiting[]): Promise<void> {
    const claim = { taskId: this.lease.taskId, token: this.lease.token };
    try {
      await this.api.progress(
        claim,
        group.map(({ event }) => event),
      );
    } catch (error) {
      const isLost = error instanceof ApiError && (error.status === 409 || error.status === 404);
      if (!isLost) throw error;
      this.lease.lose();
    }
  }
}
