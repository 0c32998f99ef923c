import { Module } from '@nestjs/common';
import { TasksModule } from '../../modules/tasks/tasks.module.js';
import { FinalizeTelemetry } from './finalize-telemetry.js';
import { FinalizeEngine } from './finalize.engine.js';
import { Settler } from './settler.js';

@Module({ imports: [TasksModule], providers: [FinalizeEngine, FinalizeTelemetry, Settler] })
export class FinalizeModule {}
