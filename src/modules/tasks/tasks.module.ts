import { Module } from '@nestjs/common';
import { InstancesModule } from '../instances/instances.module.js';
import { QueuesModule } from '../queues/queues.module.js';
import { DeadLettersService } from './dead-letters.service.js';
import { EarlyStarts } from './early-starts.js';
import { LineBodies } from './line-bodies.js';
import { PullService } from './pull.service.js';
import { PullTools } from './pull-tools.js';
import { Spill } from './spill.js';
import { TakeWaiters } from './take-waiters.js';
import { TaskIntake } from './task-intake.js';
import { TaskNotices } from './task-notices.js';
import { TaskReader } from './task-reader.js';
import { TaskRouting } from './task-routing.js';
import { TaskWaiters } from './task-waiters.js';
import { TasksService } from './tasks.service.js';
import { WaitingCalls } from './waiting-calls.js';

const EXPORTED = [
  DeadLettersService,
  EarlyStarts,
  PullService,
  Spill,
  TaskIntake,
  TaskNotices,
  TaskReader,
  TasksService,
  WaitingCalls,
];

@Module({
  imports: [InstancesModule, QueuesModule],
  providers: [...EXPORTED, LineBodies, PullTools, TakeWaiters, TaskRouting, TaskWaiters],
  exports: EXPORTED,
})
export class TasksModule {}
