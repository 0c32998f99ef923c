/**
 * The one source of time. All instants are epoch milliseconds, all spans milliseconds.
 *
 * Deadlines must not jump when somebody sets the wall clock, so the system clock is the wall time at
 * process start plus the monotonic time since then.
 */
export abstract class Clock {
  abstract now(): number;
}

export class SystemClock extends Clock {
  now(): number {
    return Math.floor(performance.timeOrigin + performance.now());
  }
}

/** Epoch milliseconds to the whole seconds of OpenAI's wire; null stays null. */
export function toSeconds(at: number): number;
export function toSeconds(at: number | null): number | null;
export function toSeconds(at: number | null): number | null {
  return at === null ? null : Math.floor(at / 1000);
}
