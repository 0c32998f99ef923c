import { Module } from '@nestjs/common';
import { HandlersModule } from '../../modules/handlers/handlers.module.js';
import { InstancesModule } from '../../modules/instances/instances.module.js';
import { QueuesModule } from '../../modules/queues/queues.module.js';
import { TasksModule } from '../../modules/tasks/tasks.module.js';
import { UpstreamsModule } from '../../modules/upstreams/upstreams.module.js';
import { BatchSources } from './batch-sources.js';
import { DispatchCallsEngine } from './dispatch-calls.engine.js';
import { DispatchPorts } from './dispatch-ports.js';
import { DispatchTelemetry } from './dispatch-telemetry.js';
import { DispatcherEngine } from './dispatcher.engine.js';
import { EventRelays } from './event-relays.js';
import { HandlerDispatcher } from './handlers/handler-dispatcher.js';
import { HandlerRunner } from './handlers/handler-runner.js';
import { LeaseDoubts } from './lease-doubts.js';
import { LostLeases } from './lost-leases.js';
import { Recorder } from './recorder.js';
import { RollCall } from './roll-call.js';
import { SingleCalls } from './single-calls.js';
import { SliceLoader } from './slice-loader.js';
import { TaskRunner } from './task-runner.js';
import { UpstreamClient } from './upstream-client.js';

@Module({
  imports: [HandlersModule, InstancesModule, QueuesModule, TasksModule, UpstreamsModule],
  providers: [
    BatchSources,
    DispatchCallsEngine,
    DispatcherEngine,
    DispatchPorts,
    DispatchTelemetry,
    EventRelays,
    HandlerDispatcher,
    HandlerRunner,
    LeaseDoubts,
    LostLeases,
    Recorder,
    RollCall,
    SingleCalls,
    SliceLoader,
    TaskRunner,
    UpstreamClient,
  ],
})
export class DispatchModule {}
