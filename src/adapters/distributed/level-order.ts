/**
 * Puts calls of ten queues in order: each queue is read by itself, so a higher level may be in the house while a lower one
 * still waits in Redis. A call is held while a queue below its level is known not to be empty, but never for long: order
 * is a kindness here, the permits are what keeps levels apart.
 */
import type { Call } from '../../ports/broker.js';

/** A queue is read to its end in a few ms; one that another process reads never tells us. */
const HOLD_MS = 100;

export class LevelOrder {
  private readonly nonEmpty = new Set<number>();
  private held: Call[] = [];
  private timer: NodeJS.Timeout | null = null;

  constructor(private readonly deliver: (call: Call) => void) {}

  arrive(call: Call): void {
    this.nonEmpty.add(call.level);
    this.held.push(call);
    this.release();
  }

  /** There are calls of this level which have not arrived. */
  expect(level: number): void {
    this.nonEmpty.add(level);
  }

  emptied(level: number): void {
    this.nonEmpty.delete(level);
    this.release();
  }

  stop(): void {
    if (this.timer) clearTimeout(this.timer);
    this.held = [];
  }

  private release(): void {
    const lowest = Math.min(...this.nonEmpty);
    const due = this.held.filter(({ level }) => level <= lowest).sort((a, b) => a.level - b.level);
    this.held = this.held.filter(({ level }) => level > lowest);
    for (const call of due) this.deliver(call);
    if (this.held.length > 0) this.timer ??= setTimeout(() => this.releaseAll(), HOLD_MS);
    else if (this.timer) {
      clearTimeout(this.timer);
      this.timer = null;
    }
  }

  private releaseAll(): void {
    this.timer = null;
    this.nonEmpty.clear();
    this.release();
  }
}
