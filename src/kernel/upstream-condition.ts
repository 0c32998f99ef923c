/** How an upstream does, as whoever calls it sees it. */
export interface UpstreamCondition {
  /** Calls that it gets at a time at present: its configured concurrency, or less after it said "too many". */
  allowed: number;
  /** Whether that is less than is configured. */
  isReduced: boolean;
  /** Since when (epoch ms) it has given no useful answer, and what came instead; null while it does. */
  broken: { since: number; reason: string } | null;
}
