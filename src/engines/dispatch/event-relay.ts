/**
 * Passes on what one attempt at a task says while it runs: to whoever listens at once, to the store soon after. The first
 * events are stored without delay, because from then on a second attempt would repeat what the caller has heard.
 */
import type { ProgressEvent } from '../../kernel/progress-event.js';

/** Events that come within this time share a row. */
const FLUSH_MS = 50;

export interface EventOutlets {
  /** `lastN`: the number of the last of these events in their task. */
  publish: (lastN: number, events: readonly ProgressEvent[]) => void;
  /** Resolves when they are stored: false when the lease was lost. `firstN`: the number of the first. */
  store: (firstN: number, events: ProgressEvent[]) => Promise<boolean>;
  /** The task is somebody else's now, or nobody's: it makes no sense to go on. */
  onLost: () => void;
}

export class EventRelay {
  private pending: ProgressEvent[] = [];
  private writing: Promise<void> | null = null;
  private timer: NodeJS.Timeout | null = null;
  private storedN: number;
  private isLost = false;

  /** `n`: how many events the task has from attempts before. */
  constructor(
    private n: number,
    private readonly outlets: EventOutlets,
  ) {
    this.storedN = n;
  }

  /** Whether this attempt has said anything. */
  isHeard = false;

  say(events: readonly ProgressEvent[]): void {
    if (events.length === 0 || this.isLost) return;
    const isFirst = !this.isHeard;
    this.isHeard = true;
    this.n += events.length;
    this.outlets.publish(this.n, events);
    this.pending.push(...events);
    if (isFirst) this.write();
    else this.writeSoon();
  }

  /** Resolves when all that was said is stored. Rejects when the store refuses, and can then be called again. */
  async close(): Promise<void> {
    while (this.pending.length > 0 || this.writing) {
      this.write();
      await this.writing;
    }
  }

  private writeSoon(): void {
    if (!this.writing) this.timer ??= setTimeout(() => this.write(), FLUSH_MS);
  }

  private write(): void {
    if (this.timer) clearTimeout(this.timer);
    this.timer = null;
    if (this.writing || this.pending.length === 0) return;
    const events = this.pending;
    this.pending = [];
    const writing = this.store(events);
    this.writing = writing;
    writing.catch(() => {}); // `close` hears of it
  }

  private async store(events: ProgressEvent[]): Promise<void> {
    try {
      const isStored = await this.outlets.store(this.storedN + 1, events);
      this.storedN += events.length;
      if (!isStored) this.lose();
    } catch (error) {
      this.pending = [...events, ...this.pending];
      throw error;
    } finally {
      this.writing = null;
      if (this.pending.length > 0) this.writeSoon();
    }
  }

  private lose(): void {
    this.isLost = true;
    this.pending = [];
    this.outlets.onLost();
  }
}
