import { Injectable } from '@nestjs/common';
import { EventBus } from '../../ports/event-bus.js';
import { CallbackStore } from '../../store/callback.store.js';
import { InstanceStore } from '../../store/instance.store.js';
import { TaskStore, type RescueStep } from '../../store/task.store.js';

/** How many leases went back to their places. */
export interface Rescued {
  tasks: number;
  callbacks: number;
}

/** Takes back leases that are lost, mostly those of instances that are dead, in steps that hold nobody up. */
@Injectable()
export class LeaseRescue {
  constructor(
    private readonly tasks: TaskStore,
    private readonly callbacks: CallbackStore,
    private readonly instances: InstanceStore,
    private readonly events: EventBus,
  ) {}

  /** `deadSeq`: null for all instances but `ownSeq`, where those are known to be dead. */
  async takeBack(ownSeq: number, deadSeq: number | null): Promise<Rescued> {
    return {
      tasks: await this.takeTasks(() => this.tasks.rescue(ownSeq, deadSeq)),
      callbacks: await this.takeCallbacks(ownSeq, deadSeq),
    };
  }

  /** What all that have ended still hold, one after the other; each is noted to hold nothing any more. */
  async *takeBackEnded(ownSeq: number): AsyncGenerator<Rescued & { deadSeq: number }> {
    for (const deadSeq of await this.instances.unrescued()) {
      const rescued = await this.takeBack(ownSeq, deadSeq);
      await this.instances.noteRescued(deadSeq);
      yield { deadSeq, ...rescued };
    }
  }

  /** What this instance itself has leased until then, epoch ms, but for the rows it knows of; how many tasks it was. */
  takeBackUnknown(ownSeq: number, leasedUntil: number, known: () => readonly number[]): Promise<number> {
    return this.takeTasks(() => this.tasks.rescueUnknown(ownSeq, leasedUntil, known()));
  }

  private async takeTasks(rescue: () => Promise<RescueStep>): Promise<number> {
    let total = 0;
    for (let isMore = true; isMore;) {
      const step = await rescue();
      for (const batchSeq of step.doneBatchSeqs) this.events.publish('batch.finalize', { batchSeq });
      total += step.rescued;
      isMore = step.isMore;
    }
    return total;
  }

  private async takeCallbacks(ownSeq: number, deadSeq: number | null): Promise<number> {
    let total = 0;
    for (let isMore = true; isMore;) {
      const step = await this.callbacks.rescue(ownSeq, deadSeq);
      total += step.rescued;
      isMore = step.isMore;
    }
    return total;
  }
}
