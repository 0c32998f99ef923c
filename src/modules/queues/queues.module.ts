import { Module } from '@nestjs/common';
import { UpstreamsModule } from '../upstreams/upstreams.module.js';
import { DefaultQueueService } from './default-queue.service.js';
import { LaneRates } from './lane-rates.js';
import { QueueModelsService } from './queue-models.service.js';
import { QueueStatsService } from './queue-stats.service.js';
import { QueuesService } from './queues.service.js';

@Module({
  imports: [UpstreamsModule],
  providers: [QueuesService, DefaultQueueService, LaneRates, QueueModelsService, QueueStatsService],
  exports: [QueuesService, QueueModelsService, QueueStatsService],
})
export class QueuesModule {}
