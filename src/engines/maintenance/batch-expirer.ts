import { Injectable } from '@nestjs/common';
import { EventBus } from '../../ports/event-bus.js';
import { BatchStore } from '../../store/batch.store.js';
import { Sweep } from './sweep.js';

/** Stops batches whose completion window is over; what is finished is kept. */
@Injectable()
export class BatchExpirer extends Sweep {
  override readonly name = 'expire-batches';
  override readonly intervalMs = 1000;

  constructor(
    private readonly batches: BatchStore,
    private readonly events: EventBus,
  ) {
    super();
  }

  override async run(): Promise<boolean> {
    const overdue = await this.batches.overdue();
    for (const batch of overdue) {
      if (await this.batches.expire(batch.seq)) this.events.publish('batch.finalize', { batchSeq: batch.seq });
    }
    return false;
  }
}
