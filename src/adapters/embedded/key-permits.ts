import { MAX_LEVEL } from '../../kernel/lane.js';
import type { PermitLimits } from '../../ports/limiter.js';
import { RateWindow } from './rate-window.js';

/** How long a refused level keeps higher ones from getting in before it. */
const REFUSAL_MEMORY_MS = 200;
const NEVER = Number.NEGATIVE_INFINITY;

/** The permits of one key: pure book-keeping, told the time by its caller. */
export class KeyPermits {
  inUse = 0;
  pausedUntil = NEVER;
  /** Somebody got less than asked for, or was paused, and has not been told yet that asking again makes sense. */
  isAwaited = false;
  private limits: PermitLimits = { concurrency: Number.POSITIVE_INFINITY, perMinute: null };
  private readonly given = new RateWindow();
  /** When each level was refused last, unless it was granted something since. */
  private readonly refusedAt: number[] = new Array<number>(MAX_LEVEL + 1).fill(NEVER);

  take(level: number, want: number, limits: PermitLimits, now: number): number {
    this.limits = limits;
    const granted = this.yieldsUntil(level, now) === null ? Math.min(want, this.free(now)) : 0;
    this.inUse += granted;
    if (granted > 0) this.given.add(granted, now);
    this.refusedAt[level] = granted > 0 ? NEVER : now;
    if (granted < want) this.isAwaited = true;
    return granted;
  }

  /** Never below zero: a count that was lost and rebuilt may see more come back than it knew of. */
  giveBack(count: number, unused: number, now: number): void {
    this.inUse = Math.max(0, this.inUse - count);
    if (unused > 0) this.given.takeBack(unused, now);
  }

  pause(until: number): void {
    this.pausedUntil = Math.max(this.pausedUntil, until);
    this.isAwaited = true;
  }

  /** When a permit may be had: `now`, a later instant, or null as long as none comes back. */
  opensAt(now: number): number | null {
    if (this.inUse >= this.limits.concurrency) return null;
    const { perMinute } = this.limits;
    const rateOpensAt = perMinute === null ? now : this.rateOpensAt(perMinute, now);
    return rateOpensAt === null ? null : Math.max(now, rateOpensAt, this.pausedUntil);
  }

  /** When a rate allows more: `now` or later; null for never. */
  rateOpensAt(perMinute: number, now: number): number | null {
    return this.given.opensAt(perMinute, now);
  }

  /** Until when `level` must wait for a lower one that was refused; null if it need not. */
  yieldsUntil(level: number, now: number): number | null {
    let until = NEVER;
    for (let lower = 0; lower < level; lower += 1) {
      until = Math.max(until, (this.refusedAt[lower] ?? NEVER) + REFUSAL_MEMORY_MS);
    }
    return until > now ? until : null;
  }

  private free(now: number): number {
    if (this.pausedUntil > now) return 0;
    const { concurrency, perMinute } = this.limits;
    const unspent = perMinute === null ? Number.POSITIVE_INFINITY : perMinute - this.given.used(now);
    return Math.max(0, Math.min(concurrency - this.inUse, unspent));
  }
}
