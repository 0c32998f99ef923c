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

/** The permits of one engine for one upstream. */
interface Answer {
  ownerSeq: number;
  key: string;
  held: number;
}

@Injectable()
export class RollCall implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly loop: ServiceLoop;
  /** As of the last look. */
  private others: number[] = [];
  private answers = new Map<string, Answer>();

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
    const answers = silent.length === 0 ? new Map<string, Answer>() : await this.answersFor(silent);
    for (const [place, { ownerSeq, key }] of this.answers) {
      if (!answers.has(place)) limiter.answerFor(ownerSeq, key, 0);
    }
    for (const { ownerSeq, key, held } of answers.values()) limiter.answerFor(ownerSeq, key, held);
    this.answers = answers;
    if (silent.length > 0) await callReady(this.queues, this.tasks);
  }

  private async answersFor(silent: readonly number[]): Promise<Map<string, Answer>> {
    const answers = new Map<string, Answer>();
    for (const { ownerSeq, laneSeq, leased } of await this.tasks.ownedLeases(silent)) {
      const upstream = this.queues.laneBySeq(laneSeq)?.upstream;
      if (!upstream) continue;
      const key = permitKeyOf(upstream);
      const place = `${ownerSeq} ${key}`;
      answers.set(place, { ownerSeq, key, held: (answers.get(place)?.held ?? 0) + leased });
    }
    return answers;
  }
}
