/** How often a task is tried, and how long it waits in between. */
import { DEFAULT_BACKOFF, type BackoffPolicy } from './backoff.js';

export interface RetryPolicy {
  /** Null: as the server's configuration says. */
  maxTries: number | null;
  backoff: BackoffPolicy;
}

/** As it is stored: a queue may leave each part to the server. */
export interface RetryChoice {
  maxTries: number | null;
  firstBackoffMs: number | null;
  maxBackoffMs: number | null;
}

export function retryPolicyOf(choice: RetryChoice | null): RetryPolicy {
  return {
    maxTries: choice?.maxTries ?? null,
    backoff: {
      firstMs: choice?.firstBackoffMs ?? DEFAULT_BACKOFF.firstMs,
      maxMs: choice?.maxBackoffMs ?? DEFAULT_BACKOFF.maxMs,
    },
  };
}
