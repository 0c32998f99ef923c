import { Module } from '@nestjs/common';
import { CallbacksModule } from '../../modules/callbacks/callbacks.module.js';
import { InstancesModule } from '../../modules/instances/instances.module.js';
import { TasksModule } from '../../modules/tasks/tasks.module.js';
import { CallbackClient } from './callback-client.js';
import { CallbackDelivery } from './callback-delivery.js';
import { CallbackMessages } from './callback-message.js';
import { CallbackTelemetry } from './callback-telemetry.js';
import { CallbacksEngine } from './callbacks.engine.js';
import { HostResolver } from './host-resolver.js';

@Module({
  imports: [CallbacksModule, InstancesModule, TasksModule],
  providers: [CallbackClient, CallbackDelivery, CallbackMessages, CallbackTelemetry, CallbacksEngine, HostResolver],
})
export class CallbacksEngineModule {}
