/** How many tasks of a queue may begin now, where the queue has a rate. Those that did not begin after all are given back. */
import type { Lane } from '../../modules/queues/queues.service.js';
import { rateKeyOf } from '../../modules/queues/queue.js';
import type { Limiter } from '../../ports/limiter.js';

/** Said to the limiter, which counts only the rate here; tasks at the same time are counted by the store. */
const ANY_NUMBER = Number.MAX_SAFE_INTEGER;

export class QueueRate {
  constructor(private readonly limiter: Limiter) {}

  async admit({ queue, level }: Lane, want: number): Promise<number> {
    if (queue.perMinute === null) return want;
    return this.limiter.acquire(rateKeyOf(queue), level, want, { concurrency: ANY_NUMBER, perMinute: queue.perMinute });
  }

  /** Of the `admitted` so many have begun. */
  settle({ queue }: Lane, admitted: number, begun: number): void {
    if (queue.perMinute !== null && admitted > 0) this.limiter.release(rateKeyOf(queue), admitted, admitted - begun);
  }
}
