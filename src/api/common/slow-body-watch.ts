import type { IncomingMessage } from 'node:http';

/** Between two looks; a body gets one to two of these before it is judged. */
export const LOOK_INTERVAL_MS = 30_000;
/** What must have arrived since the look before. The slowest line there is brings a thousand times as much. */
const MIN_BYTES = 1_024;

/** Cuts off clients that let a body drip in to hold on to a connection. An upload over a slow line is not one of them. */
export class SlowBodyWatch {
  /** Requests, with the bytes of their connection at the last look; null before the first. */
  private readonly open = new Map<IncomingMessage, number | null>();
  private readonly timer: NodeJS.Timeout;
  private lookedAt = performance.now();

  constructor() {
    this.timer = setInterval(() => this.look(), LOOK_INTERVAL_MS).unref();
  }

  add(request: IncomingMessage): void {
    if (!request.complete) this.open.set(request, null);
  }

  remove(request: IncomingMessage): void {
    this.open.delete(request);
  }

  stop(): void {
    clearInterval(this.timer);
  }

  private look(): void {
    const now = performance.now();
    // This process was halted, and what came meanwhile has not been read yet.
    const wasHalted = now - this.lookedAt > 1.5 * LOOK_INTERVAL_MS;
    this.lookedAt = now;
    if (wasHalted) return;
    for (const [request, before] of this.open) {
      const { bytesRead } = request.socket;
      if (request.complete || request.destroyed) this.open.delete(request);
      else if (before === null || bytesRead - before >= MIN_BYTES) this.open.set(request, bytesRead);
      else request.destroy();
    }
  }
}
