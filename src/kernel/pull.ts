/** How workers choose among lanes, and what becomes of a lease that they let run out. */

/**
 *   fifo            the oldest over all lanes, by the millisecond it came in; ties by seq
 *   round_robin     one from each lane in turn, from the first
 *   active_passive  all of the first lane, then of the second …
 *   sequential      at most one from each lane, and only where none that was taken so is still leased
 */
export const PULL_STRATEGIES = ['fifo', 'round_robin', 'active_passive', 'sequential'] as const;
export type PullStrategy = (typeof PULL_STRATEGIES)[number];

/**
 *   complete_408  back to its place as often as the lease allows, then completed with status 408
 *   retry         as the queue's retry policy says: after a while, and failed in the end
 *   fail          failed
 *   expire        expired
 */
export const LEASE_ENDS = ['complete_408', 'retry', 'fail', 'expire'] as const;
export type LeaseEnd = (typeof LEASE_ENDS)[number];

/** For `complete_408`: back to its place every time. */
export const UNLIMITED_RETRIES = -1;

/** Which answers count when several come: the first, or the last, which then replaces the one before. */
export const COMPLETION_RULES = ['first', 'last'] as const;
export type CompletionRule = (typeof COMPLETION_RULES)[number];
