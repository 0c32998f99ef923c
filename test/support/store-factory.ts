import type { DataSource, EntityManager } from 'typeorm';
import { afterAll, beforeAll, beforeEach } from 'vitest';
import type { Clock } from '../../src/kernel/clock.js';
import { AccessStore } from '../../src/store/access.store.js';
import { AuditStore } from '../../src/store/audit.store.js';
import { BatchStore } from '../../src/store/batch.store.js';
import { CallbackStore } from '../../src/store/callback.store.js';
import { ClaimStore } from '../../src/store/claim.store.js';
import type { Database } from '../../src/store/database.js';
import { ALL_ENTITIES } from '../../src/store/entities/all-entities.js';
import { CommitMarkRow } from '../../src/store/entities/commit-mark.entity.js';
import { DeadLetterStore } from '../../src/store/dead-letter.store.js';
import { FileStore } from '../../src/store/file.store.js';
import { HealthStore } from '../../src/store/health.store.js';
import { InstanceStore } from '../../src/store/instance.store.js';
import { PullStore } from '../../src/store/pull.store.js';
import { QueueStore } from '../../src/store/queue.store.js';
import { RetentionStore } from '../../src/store/retention.store.js';
import { SqliteDatabase } from '../../src/store/sqlite/sqlite-database.js';
import { SingleTaskStore } from '../../src/store/single-task.store.js';
import { openSqlite, sqliteFileIn } from '../../src/store/sqlite/sqlite-data-source.js';
import { TaskStore } from '../../src/store/task.store.js';
import { TenantStore } from '../../src/store/tenant.store.js';
import { WebhookSecretStore } from '../../src/store/webhook-secret.store.js';
import { FakeClock } from './fake-clock.js';
import { makeTemporaryFolder } from './temporary-folder.js';

/** A store of one dialect, empty and up to date. All that a new dialect must bring to run the contracts. */
export interface TestDatabase {
  database: Database;
  /** A second connection that may write, for setting up what no procedure does. */
  byHand: DataSource;
  dispose: () => Promise<void>;
}

export type OpenTestDatabase = (clock: Clock) => Promise<TestDatabase>;

/** What the contracts of the store are given. */
export interface TestStore {
  database: Database;
  /** The store's time; it never goes back, not even between tests. */
  clock: FakeClock;
  access: AccessStore;
  audit: AuditStore;
  batches: BatchStore;
  callbacks: CallbackStore;
  claims: ClaimStore;
  deadLetters: DeadLetterStore;
  files: FileStore;
  health: HealthStore;
  instances: InstanceStore;
  pull: PullStore;
  queues: QueueStore;
  singles: SingleTaskStore;
  retention: RetentionStore;
  tasks: TaskStore;
  tenants: TenantStore;
  webhookSecrets: WebhookSecretStore;
  /** Reads what is committed, as everybody else sees it. */
  reader: EntityManager;
  /** Sets up what no procedure does yet, e.g. a paused queue. Never used for what a test is about. */
  byHand: EntityManager;
  /** Forgets every row. */
  clear: () => Promise<void>;
  dispose: () => Promise<void>;
}

/** Opens an empty store in a temporary folder, with its own clock. */
export async function openTestStore(open: OpenTestDatabase = openSqliteDatabase): Promise<TestStore> {
  const clock = new FakeClock();
  return testStoreOf(clock, await open(clock));
}

/** The stores over a database, which is closed with them. */
export function testStoreOf(clock: FakeClock, { database, byHand, dispose }: TestDatabase): TestStore {
  return {
    database,
    clock,
    access: new AccessStore(database),
    audit: new AuditStore(database),
    batches: new BatchStore(database, clock),
    callbacks: new CallbackStore(database, clock),
    claims: new ClaimStore(database),
    deadLetters: new DeadLetterStore(database),
    files: new FileStore(database, clock),
    health: new HealthStore(database),
    instances: new InstanceStore(database),
    pull: new PullStore(database, clock),
    queues: new QueueStore(database),
    singles: new SingleTaskStore(database),
    retention: new RetentionStore(database),
    tasks: new TaskStore(database, clock),
    tenants: new TenantStore(database, clock),
    webhookSecrets: new WebhookSecretStore(database),
    reader: database.reader,
    byHand: byHand.manager,
    clear: () => deleteRows(byHand),
    dispose: async () => {
      await database.close();
      await byHand.destroy();
      await dispose();
    },
  };
}

/** For a suite: one store for all its tests, because opening takes longer than a test, and no rows at the start of each. */
export function useTestStore(open?: OpenTestDatabase): TestStore {
  const store = {} as TestStore;
  beforeAll(async () => {
    Object.assign(store, await openTestStore(open));
  });
  beforeEach(() => store.clear());
  afterAll(() => store.dispose());
  return store;
}

/** The writer as it is shipped: a worker thread cannot run TypeScript, so `npm run build` comes before these tests. */
export const BUILT_WRITER = new URL('../../dist/store/sqlite/writer.worker.js', import.meta.url);

export async function openSqliteDatabase(clock: Clock): Promise<TestDatabase> {
  const folder = await makeTemporaryFolder();
  const database = await SqliteDatabase.open({
    dataDir: folder.path,
    clock,
    crashAt: null,
    onDeath: (error) => {
      throw error;
    },
    writerEntry: BUILT_WRITER,
  });
  return { database, byHand: await openSqlite(sqliteFileIn(folder.path), 'write'), dispose: folder.remove };
}

async function deleteRows(byHand: DataSource): Promise<void> {
  await byHand.transaction(async (manager) => {
    for (const entity of ALL_ENTITIES) {
      // The writer remembers its last mark, and needs it to be there.
      if (entity !== CommitMarkRow) await manager.createQueryBuilder().delete().from(entity).execute();
    }
  });
}
