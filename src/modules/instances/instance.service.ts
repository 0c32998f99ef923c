/**
 * This process as an owner of leases. In embedded mode the folder's lock proves that every earlier instance is dead, so
 * their leases go back to their places before this one serves anything.
 */
import { hostname } from 'node:os';
import { Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { AppConfig } from '../../config/app-config.js';
import { newId } from '../../kernel/ids.js';
import { EventBus } from '../../ports/event-bus.js';
import { InstanceStore } from '../../store/instance.store.js';
import { TaskStore } from '../../store/task.store.js';
import { HandlerRegistry } from '../handlers/handler-registry.js';
import { AppLogger } from '../../telemetry/logger.js';

@Injectable()
export class InstanceService implements OnModuleInit, OnApplicationShutdown {
  private ownSeq: number | null = null;

  constructor(
    private readonly config: AppConfig,
    private readonly instances: InstanceStore,
    private readonly tasks: TaskStore,
    private readonly events: EventBus,
    private readonly handlers: HandlerRegistry,
    private readonly logger: AppLogger,
  ) {}

  /** Owns the leases of this process's dispatchers. */
  get seq(): number {
    if (this.ownSeq === null) throw new Error('the instance is not registered yet');
    return this.ownSeq;
  }

  async onModuleInit(): Promise<void> {
    this.ownSeq = await this.instances.register({
      id: newId('instance'),
      role: this.config.role,
      host: hostname(),
      pid: process.pid,
      handlerTypes: JSON.stringify([...this.handlers.handlers.keys()]),
    });
    await this.rescueAll(this.ownSeq);
  }

  async onApplicationShutdown(): Promise<void> {
    if (this.ownSeq !== null) await this.instances.end(this.ownSeq);
  }

  private async rescueAll(ownSeq: number): Promise<void> {
    let rescued = 0;
    for (let isMore = true; isMore;) {
      const step = await this.tasks.rescue(ownSeq);
      for (const batchSeq of step.doneBatchSeqs) this.events.publish('batch.finalize', { batchSeq });
      rescued += step.rescued;
      isMore = step.isMore;
    }
    if (rescued > 0) this.logger.info({ rescued }, 'tasks that an earlier server was running go back to their places');
  }
}
