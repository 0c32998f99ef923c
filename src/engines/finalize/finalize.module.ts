import { Module } from '@nestjs/common';
import { InstancesModule } from '../../modules/instances/instances.module.js';
import { TasksModule } from '../../modules/tasks/tasks.module.js';
import { BatchFinalizer } from './batch-finalizer.js';
import { FinalizeTelemetry } from './finalize-telemetry.js';
import { FinalizeEngine } from './finalize.engine.js';
import { Settler } from './settler.js';

@Module({
  imports: [InstancesModule, TasksModule],
  providers: [BatchFinalizer, FinalizeEngine, FinalizeTelemetry, Settler],
})
export class FinalizeModule {}
