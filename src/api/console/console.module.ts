import { Module } from '@nestjs/common';
import { AccessModule } from '../../modules/access/access.module.js';
import { AuditModule } from '../../modules/audit/audit.module.js';
import { BatchesModule } from '../../modules/batches/batches.module.js';
import { CallbacksModule } from '../../modules/callbacks/callbacks.module.js';
import { QueuesModule } from '../../modules/queues/queues.module.js';
import { SetupModule } from '../../modules/setup/setup.module.js';
import { AuditController } from './audit.controller.js';
import { BatchStatsController } from './batch-stats.controller.js';
import { KeysController } from './keys.controller.js';
import { QueuesController } from './queues.controller.js';
import { StatsController } from './stats.controller.js';
import { TenantsController } from './tenants.controller.js';
import { UpstreamsController } from './upstreams.controller.js';
import { WebhookSecretController } from './webhook-secret.controller.js';

/** For operators: what the server holds and how it is set up. */
@Module({
  imports: [AccessModule, AuditModule, BatchesModule, CallbacksModule, QueuesModule, SetupModule],
  controllers: [
    UpstreamsController,
    QueuesController,
    KeysController,
    TenantsController,
    AuditController,
    StatsController,
    BatchStatsController,
    WebhookSecretController,
  ],
})
export class ConsoleModule {}
