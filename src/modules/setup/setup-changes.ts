import { Injectable } from '@nestjs/common';
import { EventBus } from '../../ports/event-bus.js';
import { QueuesService } from '../queues/queues.service.js';

/** Lets changes of upstreams and queues take effect. */
@Injectable()
export class SetupChanges {
  constructor(
    private readonly queues: QueuesService,
    private readonly events: EventBus,
  ) {}

  /** Resolves when this process works by what `write` has changed; other processes are told. */
  async inEffect<R>(write: Promise<R>): Promise<R> {
    try {
      return await write;
    } finally {
      // After a failure too: it may have changed something before its answer was lost.
      this.events.publish('queues.changed', {});
      await this.queues.refresh();
      // Any lane may have become one that is worked off, or one that may have more permits.
      this.queues.call(this.queues.allLanes().map(({ seq }) => seq));
    }
  }
}
