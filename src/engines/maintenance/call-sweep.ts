import { Injectable } from '@nestjs/common';
import { isDispatched } from '../../modules/queues/queue.js';
import { QueuesService } from '../../modules/queues/queues.service.js';
import { TaskStore } from '../../store/task.store.js';
import { Sweep } from './sweep.js';

/** Calls every lane that has ready tasks, so that a lost call costs a second and no more. */
@Injectable()
export class CallSweep extends Sweep {
  override readonly name = 'call';
  override readonly intervalMs = 1000;

  constructor(
    private readonly tasks: TaskStore,
    private readonly queues: QueuesService,
  ) {
    super();
  }

  override async run(): Promise<boolean> {
    const waiting: number[] = [];
    for (const lane of this.queues.allLanes()) {
      if (isDispatched(lane.queue) && (await this.tasks.hasReady(lane.seq))) waiting.push(lane.seq);
    }
    this.queues.call(waiting);
    return false;
  }
}
