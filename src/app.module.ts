/** What the server is made of, and the only place that asks for the mode. */
import { Module, type DynamicModule, type ForwardReference, type Type } from '@nestjs/common';
import { ApiCommonModule } from './api/common/api-common.module.js';
import { ErrorDialects, silentTo401 } from './api/common/error-dialects.js';
import { RouteTable } from './api/common/route-table.js';
import { ServerPhase } from './api/common/server-phase.js';
import { ConsoleModule } from './api/console/console.module.js';
import { HealthModule } from './api/health/health.module.js';
import { renderOpenAiError } from './api/openai/openai-error.js';
import { OpenAiModule } from './api/openai/openai.module.js';
import { isTaskPath, taskErrorRenderer } from './api/tasks/task-error.js';
import { TasksApiModule } from './api/tasks/tasks-api.module.js';
import type { AppConfig, Role } from './config/app-config.js';
import { ConfigModule } from './config/config.module.js';
import { loadSecrets, prepareDataFolder, Secrets } from './config/generated-secrets.js';
import { VERSION } from './config/version.js';
import { Clock, SystemClock } from './kernel/clock.js';
import { SecretSealer } from './kernel/secret-sealer.js';
import { CallbacksEngineModule } from './engines/callbacks/callbacks-engine.module.js';
import { DispatchModule } from './engines/dispatch/dispatch.module.js';
import { FinalizeModule } from './engines/finalize/finalize.module.js';
import { IngestModule } from './engines/ingest/ingest.module.js';
import { MaintenanceModule } from './engines/maintenance/maintenance.module.js';
import { InstancePolicy } from './modules/instances/instance-policy.js';
import { loadHandlers } from './modules/handlers/load-handlers.js';
import type { Database } from './store/database.js';
import { StoreModule } from './store/store.module.js';
import type { AppLogger } from './telemetry/logger.js';
import { Metrics } from './telemetry/metrics.js';
import { TelemetryModule } from './telemetry/telemetry.module.js';

type Imported = Type | DynamicModule | ForwardReference;

/** What each role is made of, in no particular order: each feature says itself what it needs. */
const API: readonly Imported[] = [OpenAiModule, TasksApiModule, ConsoleModule];
const ENGINES: readonly Imported[] = [
  IngestModule,
  DispatchModule,
  FinalizeModule,
  CallbacksEngineModule,
  MaintenanceModule,
];
const FEATURES: Readonly<Record<Role, readonly Imported[]>> = {
  all: [...ENGINES, ...API],
  api: API,
  engine: ENGINES,
};
/** Also engines are watched over HTTP. */
const ALWAYS: readonly Imported[] = [ApiCommonModule, HealthModule];

/** What exists before Nest does, because it is needed to start Nest or outlives it. */
export interface AppParts {
  module: DynamicModule;
  database: Database;
  metrics: Metrics;
  phase: ServerPhase;
  routes: RouteTable;
  dialects: ErrorDialects;
  secrets: Secrets;
}

@Module({})
export class AppModule {}

/** Opens the store and puts everything together. Whoever calls it closes the store, after the app. */
export async function assembleApp(config: AppConfig, logger: AppLogger): Promise<AppParts> {
  const clock = new SystemClock();
  const metrics = new Metrics({ version: VERSION, mode: config.mode });
  prepareDataFolder(config.dataDir);
  const { database, adapters } = await openMode(config, { clock, metrics, logger });
  try {
    const parts = {
      database,
      metrics,
      phase: new ServerPhase(),
      routes: new RouteTable(),
      dialects: errorDialects(clock),
      secrets: loadSecrets(config),
    };
    const imports: Imported[] = [
      ConfigModule.forRoot(config),
      TelemetryModule.forRoot(logger, metrics),
      StoreModule.forRoot(database),
      sharedModule(clock, { ...parts, isAlone: config.mode === 'embedded' }),
      adapters,
      ...FEATURES[config.role],
      ...ALWAYS,
      ...(config.handlersPath === null ? [] : [await loadHandlers(config.handlersPath)]),
    ];
    return { ...parts, module: { module: AppModule, imports } };
  } catch (error) {
    await database.close();
    throw error;
  }
}

/** Operators' tools speak as OpenAI does, but for one thing: whoever is not known there learns nothing. */
function errorDialects(clock: Clock): ErrorDialects {
  const operators = {
    isSpokenAt: (path: string) => path.startsWith('/v1/console/'),
    render: silentTo401(renderOpenAiError),
  };
  const tasks = { isSpokenAt: isTaskPath, render: taskErrorRenderer(clock) };
  return new ErrorDialects([tasks, operators], renderOpenAiError);
}

interface Foundation {
  clock: Clock;
  metrics: Metrics;
  logger: AppLogger;
}

/** Loads one set of adapters only, so that one mode never needs the libraries of the other. */
async function openMode(
  config: AppConfig,
  foundation: Foundation,
): Promise<{ database: Database; adapters: Imported }> {
  if (config.mode !== 'embedded') throw new Error(`this build has no ${config.mode} mode yet`);
  const { EmbeddedModule } = await import('./adapters/embedded/embedded.module.js');
  return { database: await openSqliteStore(config, foundation), adapters: EmbeddedModule };
}

async function openSqliteStore(config: AppConfig, { clock, metrics, logger }: Foundation): Promise<Database> {
  const { SqliteDatabase } = await import('./store/sqlite/sqlite-database.js');
  return SqliteDatabase.open({
    dataDir: config.dataDir,
    clock,
    crashAt: config.crashAt,
    onDeath: (error) => {
      logger.fatal({ err: error }, 'the store has died; only a new start tells what its last writes became');
      process.exit(1);
    },
    hooks: {
      onGroup: (rows, tookMs) => {
        metrics.storeGroupSize.observe(rows);
        metrics.storeOpSeconds.observe({ op: 'commit' }, tookMs / 1e3);
      },
    },
  });
}

@Module({})
class SharedModule {}

type SharedParts = Pick<AppParts, 'phase' | 'routes' | 'dialects' | 'secrets'> & { isAlone: boolean };

function sharedModule(clock: Clock, parts: SharedParts): DynamicModule {
  const providers = [
    { provide: Clock, useValue: clock },
    { provide: ServerPhase, useValue: parts.phase },
    { provide: RouteTable, useValue: parts.routes },
    { provide: ErrorDialects, useValue: parts.dialects },
    { provide: Secrets, useValue: parts.secrets },
    { provide: InstancePolicy, useValue: { isAlone: parts.isAlone } satisfies InstancePolicy },
    { provide: SecretSealer, useValue: new SecretSealer(parts.secrets.sealing.text) },
  ];
  return { module: SharedModule, global: true, providers, exports: providers.map(({ provide }) => provide) };
}
