/**
 * A background loop: runs a step, then waits until it is woken or the interval is over, then runs it again.
 *
 * Start and stop are idempotent; stop waits for the running step. A step that throws is reported and the loop goes on,
 * after a pause that grows with each failure in a row, so that a broken store is not hammered.
 */
export interface ServiceLoopOptions {
  name: string;
  /** Longest wait between two steps. Jittered by ±10 % so that many processes do not march in step. */
  intervalMs: number;
  /** Does the work; true asks to be run again at once because there is more. */
  step: () => Promise<boolean | void>;
  onError: (error: unknown) => void;
  /** Longest pause after failures, for a loop that others count on to be back as soon as the store is. */
  maxFailurePauseMs?: number;
}

const MAX_FAILURE_PAUSE_MS = 5_000;

export class ServiceLoop {
  private running: Promise<void> | null = null;
  private isStopping = false;
  private isWoken = false;
  private wakeUp: (() => void) | null = null;
  private failures = 0;

  constructor(private readonly options: ServiceLoopOptions) {}

  start(): void {
    if (this.running) return;
    this.isStopping = false;
    this.running = this.run();
  }

  /** Asks for a step now; many wakes during one step make one further step. */
  wake(): void {
    this.isWoken = true;
    this.wakeUp?.();
  }

  async stop(): Promise<void> {
    this.isStopping = true;
    this.wakeUp?.();
    await this.running;
    this.running = null;
  }

  private async run(): Promise<void> {
    while (!this.isStopping) {
      this.isWoken = false;
      let isMore = false;
      try {
        isMore = (await this.options.step()) === true;
        this.failures = 0;
      } catch (error) {
        this.failures += 1;
        this.options.onError(error);
      }
      if (!isMore && !this.isStopping) await this.pause();
    }
  }

  private pause(): Promise<void> {
    const isFailing = this.failures > 0;
    if (this.isWoken && !isFailing) return Promise.resolve();
    const { intervalMs, maxFailurePauseMs = MAX_FAILURE_PAUSE_MS } = this.options;
    const base = isFailing
      ? Math.min(maxFailurePauseMs, Math.max(intervalMs, 100) * 2 ** Math.min(this.failures, 10))
      : intervalMs;
    return new Promise((resolve) => {
      const finish = () => {
        clearTimeout(timer);
        this.wakeUp = null;
        resolve();
      };
      const timer = setTimeout(finish, base * (0.9 + Math.random() * 0.2));
      // A failing loop is not woken early: its pause is what protects the store. Stopping always ends the wait.
      this.wakeUp = () => {
        if (!isFailing || this.isStopping) finish();
      };
    });
  }
}
