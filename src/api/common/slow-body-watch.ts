import type { IncomingMessage } from 'node:http';
import { SlotList, type Slotted } from '../../kernel/slot-list.js';

/** Between two looks; a body gets one to two of these before it is judged. */
export const LOOK_INTERVAL_MS = 30_000;
/** What must have arrived since the look before. The slowest line there is brings a thousand times as much. */
const MIN_BYTES = 1_024;

/** A request whose body is still to come. */
export interface WatchedBody extends Slotted {
  request: IncomingMessage;
  /** The bytes of its connection at the last look; null before the first. */
  bytesBefore: number | null;
}

/** Cuts off clients that let a body drip in to hold on to a connection. An upload over a slow line is not one of them. */
export class SlowBodyWatch {
  private readonly open = new SlotList<WatchedBody>();
  private readonly timer: NodeJS.Timeout;
  private lookedAt = performance.now();

  constructor() {
    this.timer = setInterval(() => this.look(), LOOK_INTERVAL_MS).unref();
  }

  /** What to remove when the request has been answered; null for one that has all of its body. */
  add(request: IncomingMessage): WatchedBody | null {
    if (request.complete) return null;
    const watched = { request, bytesBefore: null, slot: -1 };
    this.open.add(watched);
    return watched;
  }

  remove(watched: WatchedBody): void {
    this.open.remove(watched);
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
    for (const watched of this.open) {
      const { request, bytesBefore } = watched;
      const { bytesRead } = request.socket;
      if (request.complete || request.destroyed) this.open.remove(watched);
      else if (bytesBefore === null || bytesRead - bytesBefore >= MIN_BYTES) watched.bytesBefore = bytesRead;
      else request.destroy();
    }
  }
}
