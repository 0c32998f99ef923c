import { Injectable } from '@nestjs/common';
import { QueuesService } from '../../modules/queues/queues.service.js';
import { TaskStore } from '../../store/task.store.js';
import { Sweep } from './sweep.js';

/** Makes scheduled tasks ready when their time has come. */
@Injectable()
export class Promoter extends Sweep {
  override readonly name = 'promote';
  override readonly intervalMs = 250;

  constructor(
    private readonly tasks: TaskStore,
    private readonly queues: QueuesService,
  ) {
    super();
  }

  override async run(): Promise<boolean> {
    if (!(await this.tasks.hasDue())) return false;
    const { laneSeqs, isMore } = await this.tasks.promote();
    this.queues.call(laneSeqs);
    return isMore;
  }
}
