import { Module } from '@nestjs/common';
import { QueuesModule } from '../queues/queues.module.js';
import { BatchesService } from './batches.service.js';

@Module({ imports: [QueuesModule], providers: [BatchesService], exports: [BatchesService] })
export class BatchesModule {}
