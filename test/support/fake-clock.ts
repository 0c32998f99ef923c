import { Clock } from '../../src/kernel/clock.js';

/** Some instant that is easy to recognise; epoch ms. */
export const START_AT = 1_800_000_000_000;

/** Time that stands still until told. Timers do not follow it: for those see `fake-time.ts`. */
export class FakeClock extends Clock {
  constructor(private at = START_AT) {
    super();
  }

  override now(): number {
    return this.at;
  }

  advance(ms: number): void {
    this.at += ms;
  }
}
