/**
 * Permits of one process. Asking and giving back is arithmetic; a timer runs only for a key that somebody waits for
 * and that opens by itself (end of a pause, of a rate window, of a lower level's precedence).
 */
import { Subject, type Observable } from 'rxjs';
import type { Clock } from '../../kernel/clock.js';
import { Limiter, type PermitLimits } from '../../ports/limiter.js';
import { IsolatedObservable } from '../local/isolated-observable.js';
import { KeyPermits } from './key-permits.js';

/** What Node's timers can wait at most; a longer wait is looked at again then. */
const MAX_TIMER_MS = 2 ** 31 - 1;

export interface MemoryLimiterOptions {
  clock: Clock;
  /** Told of a listener to `freed` that threw. */
  onError: (error: unknown) => void;
}

interface Alarm {
  at: number;
  timer: NodeJS.Timeout;
}

export class MemoryLimiter extends Limiter {
  override readonly freed: Observable<string>;
  private readonly notices = new Subject<string>();
  private readonly keys = new Map<string, KeyPermits>();
  private readonly alarms = new Map<string, Alarm>();
  private freedKeys = new Set<string>();
  private isClosed = false;

  constructor(private readonly options: MemoryLimiterOptions) {
    super();
    this.freed = new IsolatedObservable(this.notices, options.onError);
  }

  /** There are no others. */
  override callRoll(): Promise<number[]> {
    return Promise.resolve([]);
  }

  override answerFor(): void {
    // nobody else holds anything
  }

  override async acquire(key: string, level: number, want: number, limits: PermitLimits): Promise<number> {
    if (want <= 0) return 0;
    const permits = this.permitsOf(key);
    const now = this.options.clock.now();
    const granted = permits.take(level, want, limits, now);
    if (granted < want) this.watch(key, permits, permits.yieldsUntil(level, now) ?? now);
    return granted;
  }

  /** `unused` of the `count` never became a request, so they are uncounted from the rate too. */
  override release(key: string, count: number, unused = 0): void {
    const permits = this.permitsOf(key);
    permits.giveBack(count, unused, this.options.clock.now());
    if (permits.isAwaited) this.announce(key, permits);
  }

  override pause(key: string, until: number): void {
    const now = this.options.clock.now();
    if (!(until > now)) return;
    const permits = this.permitsOf(key);
    permits.pause(until);
    this.watch(key, permits, now);
  }

  override async pausedUntil(key: string): Promise<number | null> {
    const until = this.keys.get(key)?.pausedUntil ?? 0;
    return until > this.options.clock.now() ? until : null;
  }

  override async rateOpensAt(key: string, perMinute: number): Promise<number | null> {
    const now = this.options.clock.now();
    const opensAt = this.keys.get(key)?.rateOpensAt(perMinute, now) ?? now;
    return opensAt > now ? opensAt : null;
  }

  override async inUse(key: string): Promise<number> {
    return this.keys.get(key)?.inUse ?? 0;
  }

  /** Stops the timers and ends `freed`. */
  close(): void {
    this.isClosed = true;
    for (const { timer } of this.alarms.values()) clearTimeout(timer);
    this.alarms.clear();
    this.notices.complete();
  }

  private permitsOf(key: string): KeyPermits {
    let permits = this.keys.get(key);
    if (!permits) {
      permits = new KeyPermits();
      this.keys.set(key, permits);
    }
    return permits;
  }

  /** Announces the key now if it is open, else when it opens by itself; when all permits are out, a release will. */
  private announce(key: string, permits: KeyPermits): void {
    const now = this.options.clock.now();
    const opensAt = permits.opensAt(now);
    if (opensAt === null) return;
    if (opensAt > now) {
      this.wakeAt(key, opensAt, now);
      return;
    }
    permits.isAwaited = false;
    this.emitSoon(key);
  }

  /** Sets the timer of a key that has just refused somebody: not before `earliest`, and only if it opens by itself. */
  private watch(key: string, permits: KeyPermits, earliest: number): void {
    const now = this.options.clock.now();
    const opensAt = permits.opensAt(now);
    if (opensAt !== null) this.wakeAt(key, Math.max(opensAt, earliest), now);
  }

  private wakeAt(key: string, at: number, now: number): void {
    const known = this.alarms.get(key);
    if (this.isClosed || (known && known.at <= at)) return;
    if (known) clearTimeout(known.timer);
    const timer = setTimeout(() => this.wake(key), Math.min(at - now, MAX_TIMER_MS));
    timer.unref();
    this.alarms.set(key, { at, timer });
  }

  private wake(key: string): void {
    this.alarms.delete(key);
    const permits = this.permitsOf(key);
    if (permits.isAwaited) this.announce(key, permits);
  }

  /** At the end of the turn and once per key, however many permits come back in it. */
  private emitSoon(key: string): void {
    if (this.freedKeys.size === 0) setImmediate(() => this.emitFreed());
    this.freedKeys.add(key);
  }

  private emitFreed(): void {
    const keys = this.freedKeys;
    this.freedKeys = new Set();
    for (const key of keys) this.notices.next(key);
  }
}
