import { Injectable } from '@nestjs/common';
import { AppConfig } from '../../config/app-config.js';
import { TaskNotices } from '../../modules/tasks/task-notices.js';
import { PullStore } from '../../store/pull.store.js';
import { Sweep } from './sweep.js';

/** Ends leases that workers have let run out, each as its taker said. */
@Injectable()
export class LeaseEnder extends Sweep {
  override readonly name = 'end-leases';
  override readonly intervalMs = 500;

  constructor(
    private readonly pull: PullStore,
    private readonly notices: TaskNotices,
    private readonly config: AppConfig,
  ) {
    super();
  }

  override async run(): Promise<boolean> {
    if (!(await this.pull.hasOverdue())) return false;
    const { aftermath, isMore } = await this.pull.endOverdue(this.config.limits.maxTries);
    this.notices.after(aftermath);
    return isMore;
  }
}
