import type { Observable } from 'rxjs';

/** What one upstream allows; read anew at each request, so a change needs no restart. */
export interface PermitLimits {
  /** Permits out at the same time. */
  concurrency: number;
  /** Permits given per minute; null for no limit. */
  perMinute: number | null;
}

/**
 * Permits to call an upstream, and pauses that an upstream asked for.
 *
 * Lower levels go first: while level 0 of a key has asked within the last 200 ms and was refused, higher levels get
 * nothing of that key. Refused is who got nothing; a grant in part is none, because who asks for 100 may need 3.
 * Permits of a process that died come back by themselves.
 */
export abstract class Limiter {
  /** Grants up to `want` permits; may be 0. */
  abstract acquire(key: string, level: number, want: number, limits: PermitLimits): Promise<number>;
  /**
   * Gives `count` permits back. `unused` of them never became a request, so they do not count against the rate.
   */
  abstract release(key: string, count: number, unused?: number): void;
  /** No permits of this key before `until` (epoch ms); an earlier pause is never shortened. */
  abstract pause(key: string, until: number): void;
  /** When the pause of this key ends (epoch ms), or null. */
  abstract pausedUntil(key: string): Promise<number | null>;
  /** When a rate of `perMinute` (at least 1) allows more permits of this key (epoch ms), or null if it does now. */
  abstract rateOpensAt(key: string, perMinute: number): Promise<number | null>;
  /** Permits out now, over all processes. */
  abstract inUse(key: string): Promise<number>;
  /**
   * Says that this process, known to the store by a number, is there, and goes on saying so. Resolves with those of `others`
   * that have not lately: they may live and hold permits all the same, and be unable to say it.
   */
  abstract callRoll(own: number, others: readonly number[]): Promise<number[]>;
  /**
   * Says on behalf of a process that does not what it holds, as the store knows. Holds good for a few seconds, or until that
   * process speaks for itself. 0: it holds nothing any more.
   */
  abstract answerFor(other: number, key: string, held: number): void;
  /** Emits a key when permits of it may be had again, after somebody got fewer than asked for or a pause ended. Lossy. */
  abstract readonly freed: Observable<string>;
}
