/**
 * How many calls an upstream gets: its configured concurrency, less after it said "too many" (additive increase,
 * multiplicative decrease), one probe at a time while its breaker is not closed, none during a pause.
 */
import {
  circuitBreaker,
  CircuitState,
  ConsecutiveBreaker,
  ExponentialBackoff,
  handleWhen,
  type CircuitBreakerPolicy,
  type FailureReason,
  type IBackoff,
} from 'cockatiel';
import { backoffMs } from '../../kernel/backoff.js';
import type { Clock } from '../../kernel/clock.js';
import type { UpstreamCondition } from '../../kernel/upstream-condition.js';
import { permitKeyOf, type Upstream } from '../../modules/upstreams/upstream.js';
import type { Limiter, PermitLimits } from '../../ports/limiter.js';
import type { DispatchTelemetry } from './dispatch-telemetry.js';
import { UpstreamFailure, type UpstreamAnswer } from './upstream-answer.js';

/** Failures in a row that open the breaker: enough to tell a dead upstream from a bad moment. */
const FAILURES_TO_OPEN = 5;
const BREAK = { initialDelay: 1000, maxDelay: 30_000 };
const PACE_BACKOFF = { firstMs: 500, maxMs: 30_000 };
/** However long an upstream asks for: a question now and then does no harm, and a clock may be wrong. */
const LONGEST_PAUSE_MS = 10 * 60_000;
/** What is kept of the concurrency after "too many". */
const DECREASE = 0.7;
/** One slow-down per this time: the calls that were in flight together say the same thing once. */
const SLOW_DOWN_ONCE_MS = 1000;
/** The library counts a rest on the wall clock, which can be set back by hours; so it is told of one that is over. */
const OVER_AT_ONCE = Number.NEGATIVE_INFINITY;
/** Gateways that stand before a dead server answer with these. */
const GATEWAY_FAILURES = new Set([502, 504]);

export class UpstreamGate {
  private readonly breaker: CircuitBreakerPolicy;
  private limit: number;
  /** Whether all goes well, and a call need not ask whether it may be made. */
  isUntroubled = true;
  private slowDowns = 0;
  private slowedAt = -SLOW_DOWN_ONCE_MS;
  /** Until when we back off of our own accord; epoch ms. */
  private backsOffUntil = 0;
  private broken: UpstreamCondition['broken'] = null;
  /** No call before this; counted on our clock, which never goes back. */
  private restsUntil = 0;

  constructor(
    private upstream: Upstream,
    private readonly limiter: Limiter,
    private readonly clock: Clock,
    private readonly telemetry: Pick<DispatchTelemetry, 'upstreamBroke' | 'upstreamMended'>,
  ) {
    this.limit = upstream.concurrency;
    this.breaker = circuitBreaker(
      handleWhen(isUpstreamsFault).orWhenResult((result) => GATEWAY_FAILURES.has((result as UpstreamAnswer).status)),
      { breaker: new ConsecutiveBreaker(FAILURES_TO_OPEN), halfOpenAfter: { next: () => this.pauseBreak(null) } },
    );
    this.breaker.onBreak((reason) => this.noteBreak(describe(reason)));
    this.breaker.onReset(() => this.noteReset());
  }

  /** The key of its permits. */
  get key(): string {
    return permitKeyOf(this.upstream);
  }

  /** Takes over a changed configuration. */
  update(upstream: Upstream): void {
    if (upstream.concurrency !== this.upstream.concurrency) this.limit = upstream.concurrency;
    this.upstream = upstream;
  }

  get limits(): PermitLimits {
    const isClosed = this.breaker.state === CircuitState.Closed;
    return { concurrency: isClosed ? Math.max(1, Math.floor(this.limit)) : 1, perMinute: this.upstream.perMinute };
  }

  get condition(): UpstreamCondition {
    const allowed = this.limits.concurrency;
    return { allowed, isReduced: allowed < this.upstream.concurrency, broken: this.broken };
  }

  /**
   * Runs a call under the breaker; an open one fails it as `unreachable` with nothing sent. While all goes well the library is
   * not asked: it would cost more than the rest of our part of a call.
   */
  async run(call: () => Promise<UpstreamAnswer>): Promise<UpstreamAnswer> {
    if (!this.isUntroubled) return this.runUnderBreaker(call);
    try {
      const answer = await call();
      if (GATEWAY_FAILURES.has(answer.status)) this.noteFault(() => answer);
      return answer;
    } catch (error) {
      this.noteFault(() => {
        throw error;
      });
      throw error;
    }
  }

  /** Lets the breaker count a fault that has happened; what the call came to is not its business any more. */
  private noteFault(outcome: () => UpstreamAnswer): void {
    this.isUntroubled = false;
    if (!this.isResting) this.breaker.execute(outcome).catch(() => {});
  }

  /** Told once: a probe that fails opens the breaker again, which is no news. */
  private noteBreak(reason: string): void {
    if (this.broken) return;
    this.broken = { since: this.clock.now(), reason };
    this.telemetry.upstreamBroke(this.upstream.name, reason);
  }

  private noteReset(): void {
    if (!this.broken) return;
    this.telemetry.upstreamMended(this.upstream.name, this.clock.now() - this.broken.since);
    this.broken = null;
  }

  private get isResting(): boolean {
    return this.clock.now() < this.restsUntil;
  }

  private async runUnderBreaker(call: () => Promise<UpstreamAnswer>): Promise<UpstreamAnswer> {
    if (this.isResting) throw resting();
    try {
      const answer = await this.breaker.execute(call);
      // Closed and just succeeded: the library's count of failures in a row is back at none.
      this.isUntroubled = this.breaker.state === CircuitState.Closed && !GATEWAY_FAILURES.has(answer.status);
      return answer;
    } catch (error) {
      if (error instanceof UpstreamFailure) throw error;
      throw resting(error);
    }
  }

  /** An answer came at the upstream's own pace. */
  speedUp(): void {
    this.slowDowns = 0;
    if (this.limit < this.upstream.concurrency) {
      this.limit = Math.min(this.upstream.concurrency, this.limit + 1 / this.limit);
    }
  }

  /**
   * The upstream said "too many", perhaps with how long to wait. Returns the pause that is due, in ms; it begins when somebody
   * waits for its end.
   */
  slowDown(retryAfterMs: number | null): number {
    const now = this.clock.now();
    if (now - this.slowedAt >= SLOW_DOWN_ONCE_MS) {
      this.slowedAt = now;
      this.slowDowns += 1;
      this.limit = Math.max(1, this.limit * DECREASE);
      this.backsOffUntil = 0;
    }
    if (retryAfterMs !== null) return Math.min(LONGEST_PAUSE_MS, retryAfterMs);
    // The same end for all that were in flight together: one who is to wait until then does not see it put off by the next.
    if (this.backsOffUntil <= now) this.backsOffUntil = now + backoffMs(this.slowDowns, PACE_BACKOFF);
    return this.backsOffUntil - now;
  }

  /** No calls for so long. */
  pause(ms: number): void {
    this.limiter.pause(this.key, this.clock.now() + ms);
  }

  /** What is left of the pause or rest that there is now, whoever began it; ms. */
  async pauseLeftMs(): Promise<number> {
    const until = (await this.limiter.pausedUntil(this.key)) ?? 0;
    return Math.max(0, until - this.clock.now());
  }

  /** The library asks how long the breaker stays open; for as long there are no permits either. */
  private pauseBreak(previous: IBackoff<unknown> | null): IBackoff<unknown> {
    const backoff = (previous ?? new ExponentialBackoff<unknown>(BREAK)).next(null);
    this.restsUntil = this.clock.now() + backoff.duration;
    this.limiter.pause(this.key, this.restsUntil);
    return { duration: OVER_AT_ONCE, next: () => this.pauseBreak(backoff) };
  }
}

function resting(cause?: unknown): UpstreamFailure {
  return new UpstreamFailure('unreachable', 'The upstream failed too often and is given a rest.', cause);
}

/** Calls that we gave up, and answers that were merely too long, say nothing against the upstream. */
function isUpstreamsFault(error: Error): boolean {
  return error instanceof UpstreamFailure && ['unreachable', 'broken', 'timeout'].includes(error.kind);
}

/** What came in place of an answer when the breaker opened. */
function describe(reason: FailureReason<unknown> | { isolated: true }): string {
  if ('error' in reason) return reason.error.message;
  return 'value' in reason ? `It answered with status ${(reason.value as UpstreamAnswer).status}.` : '';
}
