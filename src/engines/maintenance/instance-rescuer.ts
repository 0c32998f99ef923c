import { Injectable } from '@nestjs/common';
import { InstancePolicy, SILENT_MS } from '../../modules/instances/instance-policy.js';
import { InstanceService } from '../../modules/instances/instance.service.js';
import { LeaseRescue } from '../../modules/instances/lease-rescue.js';
import { InstanceStore } from '../../store/instance.store.js';
import { AppLogger } from '../../telemetry/logger.js';
import { Sweep } from './sweep.js';

/** Declares server processes dead that have fallen silent, and takes back the leases of all that have ended. */
@Injectable()
export class InstanceRescuer extends Sweep {
  override readonly name = 'rescue-instances';
  override readonly intervalMs = 1_000;

  constructor(
    private readonly policy: InstancePolicy,
    private readonly own: InstanceService,
    private readonly instances: InstanceStore,
    private readonly rescue: LeaseRescue,
    private readonly logger: AppLogger,
  ) {
    super();
  }

  override async run(): Promise<boolean> {
    if (this.policy.isAlone) return false;
    if (this.own.steadyMs >= SILENT_MS) await this.instances.endSilent(this.own.seq, SILENT_MS);
    for await (const { deadSeq, tasks, callbacks } of this.rescue.takeBackEnded(this.own.seq)) {
      if (tasks + callbacks === 0) continue;
      const facts = { rescued: tasks, callbacks, instance: deadSeq };
      this.logger.info(facts, 'what a dead server was running goes back to its place');
    }
    return false;
  }
}
