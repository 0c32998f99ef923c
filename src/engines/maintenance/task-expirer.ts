import { Injectable } from '@nestjs/common';
import { TaskNotices } from '../../modules/tasks/task-notices.js';
import { PullStore } from '../../store/pull.store.js';
import { Sweep } from './sweep.js';

/** Ends single tasks whose time is over, those that run included. */
@Injectable()
export class TaskExpirer extends Sweep {
  override readonly name = 'expire-tasks';
  override readonly intervalMs = 500;

  constructor(
    private readonly pull: PullStore,
    private readonly notices: TaskNotices,
  ) {
    super();
  }

  override async run(): Promise<boolean> {
    if (!(await this.pull.hasExpired())) return false;
    const { aftermath, isMore } = await this.pull.expire();
    this.notices.after(aftermath);
    return isMore;
  }
}
