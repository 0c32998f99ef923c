import type { MillraceError } from '../../kernel/errors.js';

/** Of one outage that is over. */
export interface Outage {
  /** From the first refusal to the last. */
  lastedMs: number;
  /** Statements that failed by it. */
  refused: number;
}

export interface OutageHooks {
  onAway: (error: MillraceError) => void;
  onBack: (outage: Outage) => void;
}

/** A server that takes reads and refuses writes is not back at each read: each second somebody writes. */
const QUIET_MS = 5_000;

/** Tells once that the database is away and once that it is back, whatever is asked of it meanwhile. */
export class OutageWatch {
  private refused = 0;
  private firstAt = 0;
  private lastAt = 0;

  constructor(private readonly hooks: OutageHooks) {}

  noteRefusal(error: MillraceError): void {
    this.lastAt = performance.now();
    this.refused += 1;
    if (this.refused > 1) return;
    this.firstAt = this.lastAt;
    this.hooks.onAway(error);
  }

  noteAnswer(): void {
    if (this.refused === 0 || performance.now() - this.lastAt < QUIET_MS) return;
    const outage = { lastedMs: Math.round(this.lastAt - this.firstAt), refused: this.refused };
    this.refused = 0;
    this.hooks.onBack(outage);
  }
}
