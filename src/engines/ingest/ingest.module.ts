import { Module } from '@nestjs/common';
import { QueuesModule } from '../../modules/queues/queues.module.js';
import { IngestTelemetry } from './ingest-telemetry.js';
import { IngestEngine } from './ingest.engine.js';

@Module({ imports: [QueuesModule], providers: [IngestEngine, IngestTelemetry] })
export class IngestModule {}
