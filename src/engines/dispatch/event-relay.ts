/**
 * Passes on what one attempt at a task says while it runs: to whoever listens at once, to the store soon after. The first
 * events are stored soonest, because from then on a second attempt would repeat what the caller has heard. They wait for what
 * comes in the same moment all the same: that shares their row, and an answer that is over by then is stored with its end. Until
 * they are stored, some milliseconds and a write, a task whose server dies is begun anew.
 */
import type { EventSpan, ProgressEvent } from '../../kernel/progress-event.js';

/** The time of the first events. */
export const FIRST_FLUSH_MS = 2;

/** Events that come within this time share a row. */
const FLUSH_MS = 50;

export interface EventOutlets {
  /** `lastN`: the number of the last of these events in their task. */
  publish: (lastN: number, events: readonly ProgressEvent[]) => void;
  /** Resolves when they are stored: false when the lease was lost. */
  store: (span: EventSpan) => Promise<boolean>;
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
    const flushMs = this.isHeard ? FLUSH_MS : FIRST_FLUSH_MS;
    this.isHeard = true;
    this.n += events.length;
    this.outlets.publish(this.n, events);
    this.pending.push(...events);
    this.writeSoon(flushMs);
  }

  /** Resolves when all that was said is stored. Rejects when the store refuses, and can then be called again. */
  async close(): Promise<void> {
    while (this.pending.length > 0 || this.writing) {
      this.write();
      await this.writing;
    }
  }

  /** As `close`, but what is not stored yet is left to the caller, to be stored with the task's end. */
  async lastWords(): Promise<EventSpan> {
    while (this.writing) await this.writing;
    this.stopTimer();
    const events = this.pending;
    this.pending = [];
    return { firstN: this.storedN + 1, events };
  }

  private writeSoon(flushMs: number): void {
    if (!this.writing) this.timer ??= setTimeout(() => this.write(), flushMs);
  }

  private stopTimer(): void {
    if (this.timer) clearTimeout(this.timer);
    this.timer = null;
  }

  private write(): void {
    this.stopTimer();
    if (this.writing || this.pending.length === 0) return;
    const events = this.pending;
    this.pending = [];
    const writing = this.store(events);
    this.writing = writing;
    writing.catch(() => {}); // whoever ends the task hears of it
  }

  private async store(events: ProgressEvent[]): Promise<void> {
    try {
      const isStored = await this.outlets.store({ firstN: this.storedN + 1, events });
      this.storedN += events.length;
      if (!isStored) this.lose();
    } catch (error) {
      this.pending = [...events, ...this.pending];
      throw error;
    } finally {
      this.writing = null;
      if (this.pending.length > 0) this.writeSoon(FLUSH_MS);
    }
  }

  private lose(): void {
    this.isLost = true;
    this.pending = [];
    this.outlets.onLost();
  }
}
