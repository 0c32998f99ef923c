import { Module } from '@nestjs/common';
import { QueuesModule } from '../../modules/queues/queues.module.js';
import { BatchExpirer } from './batch-expirer.js';
import { CallSweep } from './call-sweep.js';
import { FileCleaner } from './file-cleaner.js';
import { MaintenanceEngine } from './maintenance.engine.js';
import { OrphanCleaner } from './orphan-cleaner.js';
import { Promoter } from './promoter.js';

@Module({
  imports: [QueuesModule],
  providers: [BatchExpirer, CallSweep, FileCleaner, MaintenanceEngine, OrphanCleaner, Promoter],
})
export class MaintenanceModule {}
