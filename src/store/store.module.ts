import { type DynamicModule, Module } from '@nestjs/common';
import { AccessStore } from './access.store.js';
import { AuditStore } from './audit.store.js';
import { BatchStore } from './batch.store.js';
import { CallbackStore } from './callback.store.js';
import { Database } from './database.js';
import { ClaimStore } from './claim.store.js';
import { DeadLetterStore } from './dead-letter.store.js';
import { FileStore } from './file.store.js';
import { HealthStore } from './health.store.js';
import { InstanceStore } from './instance.store.js';
import { PullStore } from './pull.store.js';
import { QueueStore } from './queue.store.js';
import { RetentionStore } from './retention.store.js';
import { SingleTaskStore } from './single-task.store.js';
import { TaskStore } from './task.store.js';
import { TenantStore } from './tenant.store.js';
import { WebhookSecretStore } from './webhook-secret.store.js';

const STORES = [
  AccessStore,
  AuditStore,
  BatchStore,
  CallbackStore,
  ClaimStore,
  DeadLetterStore,
  FileStore,
  HealthStore,
  InstanceStore,
  PullStore,
  QueueStore,
  RetentionStore,
  SingleTaskStore,
  TaskStore,
  TenantStore,
  WebhookSecretStore,
];

/** What modules and engines call, over whichever database the composition root has opened. */
@Module({})
export class StoreModule {
  static forRoot(database: Database): DynamicModule {
    return {
      module: StoreModule,
      global: true,
      providers: [{ provide: Database, useValue: database }, ...STORES],
      exports: [Database, ...STORES],
    };
  }
}
