import { Module } from '@nestjs/common';
import { InstancesModule } from '../../modules/instances/instances.module.js';
import { QueuesModule } from '../../modules/queues/queues.module.js';
import { BatchIngest } from './batch-ingest.js';
import { IngestTelemetry } from './ingest-telemetry.js';
import { IngestEngine } from './ingest.engine.js';

@Module({ imports: [InstancesModule, QueuesModule], providers: [BatchIngest, IngestEngine, IngestTelemetry] })
export class IngestModule {}
