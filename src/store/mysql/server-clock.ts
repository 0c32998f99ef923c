import { Clock } from '../../kernel/clock.js';

/**
 * The time of the database server, which all processes share: what it said last, and how long ago that was by this process's
 * own steady clock.
 */
export class ServerClock extends Clock {
  private offset = performance.timeOrigin;

  override now(): number {
    return Math.floor(this.offset + performance.now());
  }

  /** What the server said just now; it is late by at most the way of the answer. */
  note(serverNow: number): void {
    this.offset = serverNow - performance.now();
  }
}
