import { vi } from 'vitest';
import { Clock } from '../../src/kernel/clock.js';
import { START_AT } from './fake-clock.js';

/**
 * A clock and `setTimeout` that stand still until told, in step with each other. Ticks, microtasks and immediates go on
 * as ever. One at a time per test file; `stop` gives the real timers back.
 */
export class FakeTime {
  readonly clock: Clock = new FakedDateClock();

  private constructor() {}

  static start(): FakeTime {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'], now: START_AT });
    return new FakeTime();
  }

  /** Runs what is due in the next `ms`, each at its instant, with everything that follows from it. */
  async advance(ms: number): Promise<void> {
    await vi.advanceTimersByTimeAsync(ms);
  }

  /** Timers that wait now. */
  timers(): number {
    return vi.getTimerCount();
  }

  stop(): void {
    vi.useRealTimers();
  }
}

class FakedDateClock extends Clock {
  override now(): number {
    return Date.now();
  }
}
