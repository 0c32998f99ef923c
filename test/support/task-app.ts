/** The services and sweeps of tasks over the real store of the mode that is tested, assembled as in the server but without HTTP. */
import { mkdir } from 'node:fs/promises';
import { Module, type DynamicModule, type INestApplicationContext, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { EmbeddedModule } from '../../src/adapters/embedded/embedded.module.js';
import type { AppConfig } from '../../src/config/app-config.js';
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
import type { Database } from '../../src/store/database.js';
import type { QueueChanges } from '../../src/store/procedures/queue.procedures.js';
import { StoreModule } from '../../src/store/store.module.js';
import { createLogger } from '../../src/telemetry/logger.js';
import { Metrics } from '../../src/telemetry/metrics.js';
import { TelemetryModule } from '../../src/telemetry/telemetry.module.js';
import { newPlace } from './new-place.js';
import type { Place } from './place.js';

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

/** What the modes differ in. */
interface OpenMode {
  clock: Clock;
  database: Database;
  adapters: Type | DynamicModule;
  /** After the app. */
  close: () => Promise<void>;
}

async function openMode(place: Place, { dataDir, services }: AppConfig): Promise<OpenMode> {
  if (services === null) {
    await mkdir(dataDir);
    const database = await place.openDatabase();
    return { clock: new SystemClock(), database, adapters: EmbeddedModule, close: () => database.close() };
  }
  const [{ DistributedModule }, { S3BlobStore }, { MysqlDatabase }, { s3StoreOptions }] = await Promise.all([
    import('../../src/adapters/distributed/distributed.module.js'),
    import('../../src/adapters/distributed/s3/s3-blob-store.js'),
    import('../../src/store/mysql/mysql-database.js'),
    import('./services/s3-store.js'),
  ]);
  const { databaseUrl, redisUrl, s3Url } = services;
  const database = await MysqlDatabase.open({ url: databaseUrl, mayMigrate: false });
  const { clock } = database;
  const blobStore = new S3BlobStore(s3StoreOptions(s3Url, { clock }));
  await blobStore.open();
  const name = new URL(databaseUrl).pathname.slice(1); // each place has a database of its own
  const deployment = { name, id: name };
  const adapters = DistributedModule.forRoot({
    redisUrl,
    role: 'all',
    instanceId: newId('instance'),
    blobStore,
    deployment,
  });
  const close = async (): Promise<void> => {
    await blobStore.close();
    await database.close();
  };
  return { clock, database, adapters, close };
}

export async function startTaskApp(): Promise<TaskApp> {
  const place = await newPlace();
  const config = loadConfig({
    env: { ...place.env, MILLRACE_LOG_LEVEL: 'error' },
    cwd: place.folder,
    isTerminal: false,
  });
  const { mode } = config;
  const { clock, database, adapters, close } = await openMode(place, config);
  const shared = [
    { provide: Clock, useValue: clock },
    { provide: SecretSealer, useValue: new SecretSealer('a secret of a test') },
    { provide: InstancePolicy, useValue: { isAlone: mode === 'embedded' } satisfies InstancePolicy },
  ];
  const imports = [
    ConfigModule.forRoot(config),
    TelemetryModule.forRoot(createLogger(config.log), new Metrics({ version: 'test', mode })),
    StoreModule.forRoot(database),
    { module: ClockModule, global: true, providers: shared, exports: shared.map(({ provide }) => provide) },
    adapters,
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
      await close();
      await place.remove();
    },
  };
}
