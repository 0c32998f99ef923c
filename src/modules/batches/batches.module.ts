import { Module } from '@nestjs/common';
import { QueuesModule } from '../queues/queues.module.js';
import { BatchStatsService } from './batch-stats.service.js';
import { BatchesService } from './batches.service.js';

@Module({
  imports: [QueuesModule],
  providers: [BatchesService, BatchStatsService],
  exports: [BatchesService, BatchStatsService],
})
export class BatchesModule {}
