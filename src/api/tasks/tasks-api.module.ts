import { Module } from '@nestjs/common';
import { CallbacksModule } from '../../modules/callbacks/callbacks.module.js';
import { QueuesModule } from '../../modules/queues/queues.module.js';
import { SetupModule } from '../../modules/setup/setup.module.js';
import { TasksModule } from '../../modules/tasks/tasks.module.js';

/** The Task API: work handed in one by one, and taken by workers over HTTP. */
@Module({
  imports: [CallbacksModule, QueuesModule, SetupModule, TasksModule],
  controllers: [],
})
export class TasksApiModule {}
