import { Injectable } from '@nestjs/common';
import { UpstreamModels } from '../upstreams/upstream-models.js';
import type { Queue } from './queue.js';
import { QueuesService } from './queues.service.js';

/** A model that can be asked for, and the queue that takes it. */
export interface QueueModel {
  id: string;
  queue: Queue;
}

/**
 * Which models a tenant can ask for: those that its own queues and the shared ones list; and of a queue that takes any
 * model, those that its upstream says it has.
 */
@Injectable()
export class QueueModelsService {
  constructor(
    private readonly queues: QueuesService,
    private readonly upstreamModels: UpstreamModels,
  ) {}

  /** Each model once. What is listed comes before what an upstream says. */
  async of(tenantSeq: number): Promise<QueueModel[]> {
    const visible = this.queues.all().filter((queue) => queue.tenantSeq === tenantSeq || queue.isShared);
    const listed = visible.flatMap((queue) => queue.models.map((id) => ({ id, queue })));
    const told = await Promise.all(visible.map((queue) => this.toldFor(queue)));
    const models = new Map<string, QueueModel>();
    for (const model of [...listed, ...told.flat()]) if (!models.has(model.id)) models.set(model.id, model);
    return [...models.values()];
  }

  private async toldFor(queue: Queue): Promise<QueueModel[]> {
    const upstream = queue.consumers.has('upstream') ? this.queues.upstreamOf(queue) : null;
    if (queue.models.length > 0 || upstream === null) return [];
    return (await this.upstreamModels.of(upstream)).map((id) => ({ id, queue }));
  }
}
