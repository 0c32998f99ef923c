import { Injectable } from '@nestjs/common';
import { callReady } from '../../modules/queues/call-ready.js';
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
    await callReady(this.queues, this.tasks);
    return false;
  }
}
