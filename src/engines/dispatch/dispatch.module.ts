import { Module } from '@nestjs/common';
import { InstancesModule } from '../../modules/instances/instances.module.js';
import { QueuesModule } from '../../modules/queues/queues.module.js';
import { UpstreamsModule } from '../../modules/upstreams/upstreams.module.js';
import { BatchSources } from './batch-sources.js';
import { DispatchPorts } from './dispatch-ports.js';
import { DispatchTelemetry } from './dispatch-telemetry.js';
import { DispatcherEngine } from './dispatcher.engine.js';
import { Recorder } from './recorder.js';
import { SliceLoader } from './slice-loader.js';
import { TaskRunner } from './task-runner.js';
import { UpstreamClient } from './upstream-client.js';

@Module({
  imports: [InstancesModule, QueuesModule, UpstreamsModule],
  providers: [
    BatchSources,
    DispatcherEngine,
    DispatchPorts,
    DispatchTelemetry,
    Recorder,
    SliceLoader,
    TaskRunner,
    UpstreamClient,
  ],
})
export class DispatchModule {}
