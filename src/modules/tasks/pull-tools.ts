import { Injectable } from '@nestjs/common';
import { Spill } from './spill.js';
import { TakeWaiters } from './take-waiters.js';
import { TaskNotices } from './task-notices.js';
import { TaskReader } from './task-reader.js';

/** What the pull service works with, as one thing to inject. */
@Injectable()
export class PullTools {
  constructor(
    readonly reader: TaskReader,
    readonly spill: Spill,
    readonly notices: TaskNotices,
    readonly waiters: TakeWaiters,
  ) {}
}
