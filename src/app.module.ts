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
import type { AppConfig, Role, ServicesConfig } from './config/app-config.js';
import { ConfigModule } from './config/config.module.js';
import { loadSecrets, prepareDataFolder, Secrets } from './config/generated-secrets.js';
import { describeS3Url, parseS3Url, S3_FIX } from './config/s3-url.js';
import { VERSION } from './config/version.js';
import { Clock, SystemClock } from './kernel/clock.js';
import { checkSecret } from './modules/access/secret-canary.js';
import { briefOf, type MillraceError } from './kernel/errors.js';
import { newId } from './kernel/ids.js';
import { SecretSealer } from './kernel/secret-sealer.js';
import { CallbacksEngineModule } from './engines/callbacks/callbacks-engine.module.js';
import { DispatchModule } from './engines/dispatch/dispatch.module.js';
import { FinalizeModule } from './engines/finalize/finalize.module.js';
import { IngestModule } from './engines/ingest/ingest.module.js';
import { MaintenanceModule } from './engines/maintenance/maintenance.module.js';
import { InstancePolicy } from './modules/instances/instance-policy.js';
import { loadHandlers } from './modules/handlers/load-handlers.js';
import type { Database } from './store/database.js';
import type { GroupCommitHooks } from './store/group-commit.js';
import { DeploymentStore, ensureDeploymentId } from './store/deployment.store.js';
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
  /** Closes the store and the like; after the app. */
  close: () => Promise<void>;
  metrics: Metrics;
  phase: ServerPhase;
  routes: RouteTable;
  dialects: ErrorDialects;
  secrets: Secrets;
  sealer: SecretSealer;
}

@Module({})
export class AppModule {}

/** Opens the store and puts everything together. Whoever calls it closes the store, after the app. */
export async function assembleApp(config: AppConfig, logger: AppLogger): Promise<AppParts> {
  const metrics = new Metrics({ version: VERSION, mode: config.mode });
  const { clock, database, adapters, close } = await openMode(config, { metrics, logger });
  try {
    const secrets = loadSecrets(config);
    const sealer = new SecretSealer(secrets.sealing.text);
    await checkSecret(database, sealer);
    const parts = {
      close,
      metrics,
      phase: new ServerPhase(),
      routes: new RouteTable(),
      dialects: errorDialects(clock),
      secrets,
      sealer,
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
    await close();
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
  metrics: Metrics;
  logger: AppLogger;
}

/** What the modes differ in. */
interface OpenMode {
  /** The store's time. */
  clock: Clock;
  database: Database;
  adapters: Imported;
  /** Closes what was opened here; after the app. */
  close: () => Promise<void>;
}

/** Loads one set of adapters only, so that one mode never needs the libraries of the other. */
function openMode(config: AppConfig, foundation: Foundation): Promise<OpenMode> {
  return config.services === null
    ? openEmbedded(config, foundation)
    : openDistributed(config, config.services, foundation);
}

async function openEmbedded(config: AppConfig, { metrics, logger }: Foundation): Promise<OpenMode> {
  const [{ EmbeddedModule }, { SqliteDatabase }] = await Promise.all([
    import('./adapters/embedded/embedded.module.js'),
    import('./store/sqlite/sqlite-database.js'),
  ]);
  prepareDataFolder(config.dataDir);
  const clock = new SystemClock();
  const database = await SqliteDatabase.open({
    dataDir: config.dataDir,
    clock,
    crashAt: config.crashAt,
    onDeath: (error) => {
      logger.fatal({ err: error }, 'the store has died; only a new start tells what its last writes became');
      process.exit(1);
    },
    hooks: countGroups(metrics),
  });
  return { clock, database, adapters: EmbeddedModule, close: () => database.close() };
}

async function openDistributed(
  config: AppConfig,
  { databaseUrl, redisUrl, s3Url, eventbusUrl }: ServicesConfig,
  { metrics, logger }: Foundation,
): Promise<OpenMode> {
  const [{ DistributedModule }, { S3BlobStore }, { MysqlDatabase }] = await Promise.all([
    import('./adapters/distributed/distributed.module.js'),
    import('./adapters/distributed/s3/s3-blob-store.js'),
    import('./store/mysql/mysql-database.js'),
  ]);
  const location = parseS3Url(s3Url);
  const store = logger.child('store');
  const hooks = {
    ...countGroups(metrics),
    onAway: (error: MillraceError) =>
      store.warn(briefOf(error), 'the database is away or refuses; what needs it waits, or is refused with 503'),
    onBack: (outage: object) => store.info(outage, 'the database is there again'),
  };
  const database = await MysqlDatabase.open({ url: databaseUrl, mayMigrate: false, hooks });
  const { clock } = database;
  const storage = logger.child('storage', { bucket: describeS3Url(location) });
  const log = {
    onRefused: (err: unknown, fix: string) =>
      storage.error({ err, fix }, 'the bucket refuses; nothing gets better by itself'),
    onLeftBehind: (err: unknown) =>
      storage.warn({ err }, 'unfinished uploads could not be cleaned up; it is tried again'),
  };
  // A deployment is its database: others may share Redis.
  const id = await ensureDeploymentId(database);
  const blobStore = new S3BlobStore({ location, clock, log, owner: new DeploymentStore(database.reader) });
  const close = async () => {
    await blobStore.close();
    await database.close();
  };
  try {
    const isThere = await blobStore.open();
    if (!isThere)
      storage.warn(
        { fix: S3_FIX },
        'S3 does not answer; nothing is read or stored until it does and its bucket is ours',
      );
  } catch (error) {
    await close();
    throw error;
  }
  const deployment = { name: new URL(databaseUrl).pathname.slice(1), id };
  const adapters = DistributedModule.forRoot({
    redisUrl,
    role: config.role,
    instanceId: newId('instance'),
    blobStore,
    deployment,
    eventbus:
      eventbusUrl === null ? null : { url: eventbusUrl, secret: config.secret!, maxBytes: config.limits.maxBodyBytes },
  });
  return { clock, database, adapters, close };
}

function countGroups(metrics: Metrics): GroupCommitHooks {
  return {
    onGroup: (rows, tookMs) => {
      metrics.storeGroupSize.observe(rows);
      metrics.storeOpSeconds.observe({ op: 'commit' }, tookMs / 1e3);
    },
  };
}

@Module({})
class SharedModule {}

type SharedParts = Pick<AppParts, 'phase' | 'routes' | 'dialects' | 'secrets' | 'sealer'> & { isAlone: boolean };

function sharedModule(clock: Clock, parts: SharedParts): DynamicModule {
  const providers = [
    { provide: Clock, useValue: clock },
    { provide: ServerPhase, useValue: parts.phase },
    { provide: RouteTable, useValue: parts.routes },
    { provide: ErrorDialects, useValue: parts.dialects },
    { provide: Secrets, useValue: parts.secrets },
    { provide: InstancePolicy, useValue: { isAlone: parts.isAlone } satisfies InstancePolicy },
    { provide: SecretSealer, useValue: parts.sealer },
  ];
  return { module: SharedModule, global: true, providers, exports: providers.map(({ provide }) => provide) };
}
