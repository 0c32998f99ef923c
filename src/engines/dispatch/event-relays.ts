import { Injectable } from '@nestjs/common';
import { EventBus } from '../../ports/event-bus.js';
import { EventRelay } from './event-relay.js';
import { Recorder, type Held } from './recorder.js';
import type { SingleTask } from './single-task.js';

/** Opens the relays of tasks that speak while they run. */
@Injectable()
export class EventRelays {
  constructor(
    private readonly events: EventBus,
    private readonly recorder: Recorder,
  ) {}

  /** `heardBefore`: how many events attempts before have left; none of a stream, which is never tried again then. */
  open(held: Held, { id: taskId }: SingleTask, heardBefore: number, onLost: () => void): EventRelay {
    return new EventRelay(heardBefore, {
      publish: (lastN, events) => this.events.publish('task.progress', { taskId, lastN, events }),
      store: (span) => this.recorder.say(held, taskId, span),
      onLost,
    });
  }
}
