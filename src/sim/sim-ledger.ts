/** What `GET /sim/stats` answers. `requests` is always the sum over `byStatus` plus `inFlight`. */
export interface SimStats {
  /** Requests under `/v1` that came in whole, refused ones included. */
  requests: number;
  /** How they ended, by HTTP status; `none`: nothing was sent before the connection closed. */
  byStatus: Record<string, number>;
  /** Requests that are being worked on or withheld now. */
  inFlight: number;
  /** The most there were at once, those refused for the concurrency limit included. */
  maxInFlight: number;
  /** Different request bodies taken so far. */
  bodiesSeen: number;
}

/**
 * The simulator's memory: counts, how often each body came, and how often each `metadata.id` was called. It grows
 * with the number of different bodies (some 50 bytes each) until `reset`.
 */
export class SimLedger {
  requests = 0;
  inFlight = 0;
  private maxInFlight = 0;
  private readonly byStatus = new Map<number | 'none', number>();
  private readonly seen = new Map<number, number>();
  private readonly callsById = new Map<string, number>();

  /** A request came in. */
  open(): void {
    this.requests += 1;
    this.inFlight += 1;
    if (this.inFlight > this.maxInFlight) this.maxInFlight = this.inFlight;
  }

  /** A request is done with: its last byte was handed over, or its client has left. */
  settle(status: number | 'none'): void {
    this.inFlight -= 1;
    this.byStatus.set(status, (this.byStatus.get(status) ?? 0) + 1);
  }

  /** Notes one more call with this body; returns how many there were before. */
  see(body: number): number {
    const before = this.seen.get(body) ?? 0;
    this.seen.set(body, before + 1);
    return before;
  }

  /** Notes one more call with this `metadata.id`. */
  countCall(id: string): void {
    this.callsById.set(id, (this.callsById.get(id) ?? 0) + 1);
  }

  stats(): SimStats {
    const { requests, inFlight, maxInFlight } = this;
    return { requests, byStatus: Object.fromEntries(this.byStatus), inFlight, maxInFlight, bodiesSeen: this.seen.size };
  }

  calls(): Record<string, number> {
    return Object.fromEntries(this.callsById);
  }

  /** Forgets everything but the requests that are in flight: they are the first of the new count. */
  reset(): void {
    this.requests = this.inFlight;
    this.maxInFlight = this.inFlight;
    this.byStatus.clear();
    this.seen.clear();
    this.callsById.clear();
  }
}
