import { Injectable } from '@nestjs/common';
import { AppConfig } from '../../config/app-config.js';
import { Clock } from '../../kernel/clock.js';
import { Broker } from '../../ports/broker.js';
import { EventBus } from '../../ports/event-bus.js';
import { InstanceService } from '../../modules/instances/instance.service.js';
import { UpstreamHealth } from '../../modules/upstreams/upstream-health.js';
import { Limiter } from '../../ports/limiter.js';

/** The ports a dispatcher stands between, who owns its leases, and whom it tells how the upstreams do. */
@Injectable()
export class DispatchPorts {
  constructor(
    readonly broker: Broker,
    readonly limiter: Limiter,
    readonly events: EventBus,
    readonly clock: Clock,
    readonly config: AppConfig,
    readonly health: UpstreamHealth,
    readonly instance: InstanceService,
  ) {}
}
