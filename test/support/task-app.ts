/** The services and sweeps of tasks over a real store, assembled as in the server but without HTTP. */
import { Module, type INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { EmbeddedModule } from '../../src/adapters/embedded/embedded.module.js';
import { ConfigModule } from '../../src/config/config.module.js';
import { loadConfig } from '../../src/config/load-config.js';
import { MaintenanceModule } from '../../src/engines/maintenance/maintenance.module.js';
import { Clock, SystemClock } from '../../src/kernel/clock.js';
import { newId } from '../../src/kernel/ids.js';
import { SecretSealer } from '../../src/kernel/secret-sealer.js';
import { InstancePolicy } from '../../src/modules/instances/instance-policy.js';
import { QueuesService } from '../../src/modules/queues/queues.service.js';
import { TasksModule } from '../../src/modules/tasks/tasks.module.js';
import { AccessStore } from '../../src/store/access.store.js';
import { QueueStore } from '../../src/store/queue.store.js';
import type { QueueChanges } from '../../src/store/procedures/queue.procedures.js';
import { StoreModule } from '../../src/store/store.module.js';
import { createLogger } from '../../src/telemetry/logger.js';
import { Metrics } from '../../src/telemetry/metrics.js';
import { TelemetryModule } from '../../src/telemetry/telemetry.module.js';
import { openSqliteDatabase } from './store-factory.js';
import { makeTemporaryFolder } from './temporary-folder.js';

@Module({})
class ClockModule {}

@Module({})
class TaskAppModule {}

export interface TaskApp {
  app: INestApplicationContext;
  /** Makes a queue that workers pull from, of this tenant. */
  makeQueue: (tenantSeq: number, name: string, changes?: QueueChanges) => Promise<void>;
  makeTenant: () => Promise<number>;
  close: () => Promise<void>;
}

export async function startTaskApp(): Promise<TaskApp> {
  const clock = new SystemClock();
  const folder = await makeTemporaryFolder();
  const { database, byHand, dispose } = await openSqliteDatabase(clock);
  const config = loadConfig({
    env: { MILLRACE_DATA_DIR: folder.path, MILLRACE_LOG_LEVEL: 'error' },
    cwd: folder.path,
    isTerminal: false,
  });
  const shared = [
    { provide: Clock, useValue: clock },
    { provide: SecretSealer, useValue: new SecretSealer('a secret of a test') },
    { provide: InstancePolicy, useValue: { isAlone: true } satisfies InstancePolicy },
  ];
  const imports = [
    ConfigModule.forRoot(config),
    TelemetryModule.forRoot(createLogger(config.log), new Metrics({ version: 'test', mode: 'embedded' })),
    StoreModule.forRoot(database),
    { module: ClockModule, global: true, providers: shared, exports: shared.map(({ provide }) => provide) },
    EmbeddedModule,
    TasksModule,
    MaintenanceModule,
  ];
  const app = await NestFactory.createApplicationContext(
    { module: TaskAppModule, imports },
    {
      logger: false,
      abortOnError: false, // else a mistake in the parts ends the whole test process without a word
    },
  );
  await app.init();
  const find = <T>(type: abstract new (...parts: never[]) => T): T => app.get(type as never, { strict: false });
  return {
    app,
    makeTenant: async () => {
      const id = newId('tenant');
      return (await find(AccessStore).ensureTenant(id, id)).seq;
    },
    makeQueue: async (tenantSeq, name, changes = {}) => {
      const none = { visibility: 'private', endpoint: null, models: '[]', upstreamSeq: null };
      const queue = await find(QueueStore).putQueue({
        id: newId('queue'),
        tenantSeq,
        name,
        consumers: '["pull"]',
        ...none,
      });
      await find(QueueStore).updateQueue(queue.seq, changes, 'admin');
      await find(QueuesService).refresh();
    },
    close: async () => {
      await app.close();
      await database.close();
      await byHand.destroy();
      await dispose();
      await folder.remove();
    },
  };
}
