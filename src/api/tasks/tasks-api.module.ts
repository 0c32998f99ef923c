import { Module } from '@nestjs/common';
import { AccessModule } from '../../modules/access/access.module.js';
import { CallbacksModule } from '../../modules/callbacks/callbacks.module.js';
import { QueuesModule } from '../../modules/queues/queues.module.js';
import { SetupModule } from '../../modules/setup/setup.module.js';
import { TasksModule } from '../../modules/tasks/tasks.module.js';
import { AnswerRooms } from './answer-rooms.js';
import { CompleteController } from './complete.controller.js';
import { DeadLettersController } from './dead-letters.controller.js';
import { EventStreams } from './event-streams.js';
import { Handovers } from './handovers.js';
import { HeldCalls } from './held-calls.js';
import { LeaseController } from './lease.controller.js';
import { PutController } from './put.controller.js';
import { ReportIntake } from './report-intake.js';
import { ReportTelemetry } from './report-telemetry.js';
import { TakeController } from './take.controller.js';
import { TaskCallbacksController } from './task-callbacks.controller.js';
import { TaskEventsController } from './task-events.controller.js';
import { TaskQueuesController } from './task-queues.controller.js';
import { TasksController } from './tasks.controller.js';
import { WorkersController } from './workers.controller.js';

/** The Task API: work handed in one by one, and taken by workers over HTTP. */
@Module({
  imports: [AccessModule, CallbacksModule, QueuesModule, SetupModule, TasksModule],
  controllers: [
    CompleteController,
    DeadLettersController,
    LeaseController,
    TakeController,
    WorkersController,
    PutController,
    TasksController,
    TaskEventsController,
    TaskCallbacksController,
    TaskQueuesController,
  ],
  providers: [AnswerRooms, EventStreams, Handovers, HeldCalls, ReportIntake, ReportTelemetry],
})
export class TasksApiModule {}
