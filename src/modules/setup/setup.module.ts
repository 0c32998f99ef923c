import { Module } from '@nestjs/common';
import { AccessModule } from '../access/access.module.js';
import { QueuesModule } from '../queues/queues.module.js';
import { UpstreamsModule } from '../upstreams/upstreams.module.js';
import { QueueSetupService } from './queue-setup.service.js';
import { SetupChanges } from './setup-changes.js';
import { UpstreamSetupService } from './upstream-setup.service.js';

/** How operators set up upstreams and queues. */
@Module({
  imports: [AccessModule, QueuesModule, UpstreamsModule],
  providers: [QueueSetupService, SetupChanges, UpstreamSetupService],
  exports: [QueueSetupService, UpstreamSetupService],
})
export class SetupModule {}
