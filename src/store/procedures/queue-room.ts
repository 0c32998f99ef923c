/** How many more tasks of a queue may be leased, over all its consumers. A queue without a limit costs nothing. */
import type { Tx } from '../procedure.js';
import { statement } from '../statement.js';

export interface LimitedQueue {
  queueSeq: number;
  maxConcurrency: number | null;
}

const LEASED = statement<{ queueSeq: number }, { leased: number }>('queue-leased');

/** Within one transaction: counts each queue once and keeps account of what is leased on the way. */
export class QueueRoom {
  private readonly leftByQueue = new Map<number, number>();

  constructor(private readonly tx: Tx) {}

  async left({ queueSeq, maxConcurrency }: LimitedQueue): Promise<number> {
    if (maxConcurrency === null) return Number.MAX_SAFE_INTEGER;
    let left = this.leftByQueue.get(queueSeq);
    if (left === undefined) {
      const [count] = await this.tx.all(LEASED, { queueSeq });
      this.leftByQueue.set(queueSeq, (left = Math.max(0, maxConcurrency - count!.leased)));
    }
    return left;
  }

  /** Once `left` has been asked. */
  hasRoom({ queueSeq }: LimitedQueue): boolean {
    return (this.leftByQueue.get(queueSeq) ?? 1) > 0;
  }

  use({ queueSeq }: LimitedQueue, count: number): void {
    const left = this.leftByQueue.get(queueSeq);
    if (left !== undefined) this.leftByQueue.set(queueSeq, left - count);
  }
}
