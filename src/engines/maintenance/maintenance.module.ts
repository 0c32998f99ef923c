import { Module, type Type } from '@nestjs/common';
import { InstancesModule } from '../../modules/instances/instances.module.js';
import { QueuesModule } from '../../modules/queues/queues.module.js';
import { TasksModule } from '../../modules/tasks/tasks.module.js';
import { BatchCleaner } from './batch-cleaner.js';
import { BatchExpirer } from './batch-expirer.js';
import { CallSweep } from './call-sweep.js';
import { CallbackCleaner } from './callback-cleaner.js';
import { FileCleaner } from './file-cleaner.js';
import { InstanceRescuer } from './instance-rescuer.js';
import { LaneClearer } from './lane-clearer.js';
import { Leader } from './leader.js';
import { LeaseEnder } from './lease-ender.js';
import { MaintenanceEngine } from './maintenance.engine.js';
import { OrphanCleaner } from './orphan-cleaner.js';
import { Promoter } from './promoter.js';
import type { Sweep } from './sweep.js';
import { Sweeps } from './sweeps.js';
import { TaskCleaner } from './task-cleaner.js';
import { TaskExpirer } from './task-expirer.js';
import { TraceCleaner } from './trace-cleaner.js';

/** A new sweep is entered here. */
const SWEEPS: readonly Type<Sweep>[] = [
  BatchCleaner,
  BatchExpirer,
  CallSweep,
  CallbackCleaner,
  FileCleaner,
  InstanceRescuer,
  LaneClearer,
  LeaseEnder,
  OrphanCleaner,
  Promoter,
  TaskCleaner,
  TaskExpirer,
  TraceCleaner,
];

@Module({
  imports: [InstancesModule, QueuesModule, TasksModule],
  providers: [
    ...SWEEPS,
    { provide: Sweeps, inject: [...SWEEPS], useFactory: (...all: Sweep[]) => new Sweeps(all) },
    Leader,
    MaintenanceEngine,
  ],
})
export class MaintenanceModule {}
