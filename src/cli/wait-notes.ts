/** Says why a batch does not move, where it does not. */
import { ApiError, UnreachableError } from './server/api-error.js';
import type { ApiClient } from './server/api-client.js';
import type { WireBatch, WireBatchStats } from './server/wire.js';
import { oneLine } from './terminal.js';

/** A batch is asked about when it has not moved for so long, and then as often. */
const STILL_MS = 3_000;
/** Reasons kept; each names an instant, so that there may be ever new ones. */
const KEPT = 20;

/** Why nothing of a batch is taken just now; empty while it moves. */
export async function reasonsOf(client: ApiClient, id: string, signal?: AbortSignal): Promise<string[]> {
  const stats = await client.get<WireBatchStats>(`/v1/console/batches/${encodeURIComponent(id)}/stats`, signal);
  return stats.waits_because.map(oneLine);
}

export class WaitNotes {
  /** All that the batch has waited for, oldest first. */
  readonly reasons: string[] = [];
  private done = -1;
  private askAt = 0;
  private lastTold = '';
  private canAsk = true;

  constructor(
    private readonly client: ApiClient,
    private readonly tell: (line: string) => void,
  ) {}

  /** Told of the batch at each look at it. Never rejects for want of a reason. */
  async look({ id, status, request_counts: counts }: WireBatch, signal: AbortSignal): Promise<void> {
    const now = performance.now();
    const done = counts.completed + counts.failed;
    if (done !== this.done) {
      this.done = done;
      this.askAt = now + STILL_MS;
    }
    if (!this.canAsk || status !== 'in_progress' || now < this.askAt) return;
    this.askAt = now + STILL_MS;
    const reasons = await reasonsOf(this.client, id, signal).catch((error: unknown) => this.excuse(error));
    this.note(reasons);
  }

  private note(reasons: readonly string[]): void {
    const told = reasons.join('; ');
    if (told === '' || told === this.lastTold) return;
    this.lastTold = told;
    this.tell(`  waiting: ${told}`);
    this.reasons.push(...reasons.filter((reason) => !this.reasons.includes(reason)));
    this.reasons.splice(0, this.reasons.length - KEPT);
  }

  /** A server that is away is told of by whoever asks for the batch; one that knows no such question is asked no more. */
  private excuse(error: unknown): string[] {
    if (error instanceof ApiError) this.canAsk = false;
    else if (!(error instanceof UnreachableError)) throw error;
    return [];
  }
}
