import { Module } from '@nestjs/common';
import { QueuesModule } from '../../modules/queues/queues.module.js';
import { IngestEngine, IngestTelemetry } from './ingest.engine.js';

@Module({ imports: [QueuesModule], providers: [IngestEngine, IngestTelemetry] })
export class IngestModule {}
