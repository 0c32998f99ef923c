export interface BackoffPolicy {
  /** Wait after the first failure; doubles with each further one. */
  firstMs: number;
  maxMs: number;
}

export const DEFAULT_BACKOFF: BackoffPolicy = { firstMs: 1000, maxMs: 60_000 };

/** The wait after `failures` failures in a row: exponential, the upper half jittered so that retries spread out. */
export function backoffMs(failures: number, policy: BackoffPolicy = DEFAULT_BACKOFF, random = Math.random()): number {
  const full = Math.min(policy.maxMs, policy.firstMs * 2 ** Math.min(failures - 1, 30));
  return Math.round(full / 2 + (full / 2) * random);
}
