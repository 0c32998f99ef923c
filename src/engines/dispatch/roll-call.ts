/**
 * Stands in for engines that live and run tasks but are cut off from what counts permits and carries calls.
 *
 * It answers for their permits: else those would be given to others while their calls go on, and an upstream would get more
 * than it is to get. What they hold is told from what they have leased, which is as much or a little more. And it calls lanes
 * with ready tasks, because one of them may be the leader, whose calls reach nobody.
 */
import { Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { ServiceLoop } from '../../kernel/service-loop.js';
import { InstancePolicy } from '../../modules/instances/instance-policy.js';
import { callReady } from '../../modules/queues/call-ready.js';
import { QueuesService } from '../../modules/queues/queues.service.js';
import { permitKeyOf } from '../../modules/upstreams/upstream.js';
import { InstanceStore } from '../../store/instance.store.js';
import { TaskStore } from '../../store/task.store.js';
import { DispatchPorts } from './dispatch-ports.js';
import { DispatchTelemetry } from './dispatch-telemetry.js';

/** Several times in the two seconds in which permits are counted anew. */
const INTERVAL_MS = 500;

@Injectable()
export class RollCall implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly loop: ServiceLoop;
  /** As of the last look. */
  private others: number[] = [];

  constructor(
    private readonly ports: DispatchPorts,
    private readonly policy: InstancePolicy,
    private readonly instances: InstanceStore,
    private readonly tasks: TaskStore,
    private readonly queues: QueuesService,
    telemetry: DispatchTelemetry,
  ) {
    this.loop = new ServiceLoop({
      name: 'roll-call',
      intervalMs: INTERVAL_MS,
      maxFailurePauseMs: INTERVAL_MS,
      step: () => this.look(),
      onError: (error) => telemetry.failed(error, 'it could not be looked which engines are cut off; tried again'),
    });
  }

  /** In the turn in which dispatch begins: it gives this process the name under which it holds permits. */
  onApplicationBootstrap(): void {
    if (!this.policy.isAlone) this.loop.start();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.loop.stop();
  }

  private async look(): Promise<void> {
    const { limiter, instance } = this.ports;
    const silent = await limiter.callRoll(instance.seq, this.others);
    this.others = await this.instances.runners(instance.seq);
    if (silent.length === 0) return;
    await this.answerFor(silent);
    await callReady(this.queues, this.tasks);
  }

  private async answerFor(silent: readonly number[]): Promise<void> {
    const held = new Map<string, { ownerSeq: number; key: string; count: number }>();
    for (const { ownerSeq, laneSeq, leased } of await this.tasks.ownedLeases(silent)) {
      const upstream = this.queues.laneBySeq(laneSeq)?.upstream;
      if (!upstream) continue;
      const key = permitKeyOf(upstream);
      const place = `${ownerSeq} ${key}`;
      held.set(place, { ownerSeq, key, count: (held.get(place)?.count ?? 0) + leased });
    }
    for (const { ownerSeq, key, count } of held.values()) this.ports.limiter.answerFor(ownerSeq, key, count);
  }
}
