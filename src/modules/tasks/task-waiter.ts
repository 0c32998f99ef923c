/** One caller who waits for a task to end, or listens to what it says. Fed by TaskWaiters; knows nothing of time. */
import { Subject } from 'rxjs';
import type { MillraceError } from '../../kernel/errors.js';
import { eventsAfter } from './event-numbers.js';
import type { NumberedEvent, ToldEnd } from './task-requests.js';

export class TaskWaiter {
  /** What the task says from now on, each event once, in order; ends with the task, or with an error when the server stops. */
  readonly events = new Subject<NumberedEvent[]>();
  /** What came of the task; null when the waiter's time was over first. Rejects when the server stops. */
  readonly ended: Promise<ToldEnd | null>;
  /** When it was last made sure that the task has not ended; epoch ms. */
  checkedAt = 0;
  /** Some events did not come, so they must be read. */
  isBehind: boolean;
  private settle!: { resolve: (end: ToldEnd | Promise<ToldEnd> | null) => void; reject: (error: Error) => void };

  /** `lastN`: the number of the last event the caller has; null when he does not listen. `deadlineAt`: epoch ms. */
  constructor(
    public taskId: string,
    public lastN: number | null,
    readonly deadlineAt: number,
  ) {
    this.isBehind = lastN !== null && lastN >= 0;
    this.ended = new Promise((resolve, reject) => (this.settle = { resolve, reject }));
    this.ended.catch(() => {}); // whoever awaits it hears of it; nobody need
  }

  get isListening(): boolean {
    return this.lastN !== null;
  }

  /** Whether nothing is left to be read for him of a task that has ended with event number `lastN`, if that is known. */
  hasHeard(lastN: number | undefined): boolean {
    return this.lastN === null || (!this.isBehind && lastN !== undefined && this.lastN >= lastN);
  }

  /**
   * Passes on what is new of these events. Where one is missing before them they are not passed on, and the waiter is behind;
   * unless they were read, because what is not stored will not come any more.
   */
  hear(events: readonly NumberedEvent[], wereRead = false): void {
    const seen = this.lastN;
    const first = events[0];
    if (seen === null || !first) return;
    if (first.n > seen + 1 && !wereRead) {
      this.isBehind = true;
      return;
    }
    const fresh = eventsAfter(seen, events);
    if (fresh.length === 0) return;
    this.lastN = fresh.at(-1)!.n;
    this.events.next(fresh);
  }

  /** Events up to number `lastN` were too large to come along; they can be read. */
  miss(lastN: number): void {
    if (this.lastN !== null && lastN > this.lastN) this.isBehind = true;
  }

  /** `end`: perhaps it must be read first. */
  end(end: ToldEnd | Promise<ToldEnd>): void {
    this.events.complete();
    this.settle.resolve(end);
  }

  /** He has waited as long as he wanted to. */
  timeOut(): void {
    this.events.complete();
    this.settle.resolve(null);
  }

  refuse(error: MillraceError): void {
    this.events.error(error);
    this.settle.reject(error);
  }
}
