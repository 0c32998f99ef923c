import { Injectable } from '@nestjs/common';
import { AppConfig } from '../../config/app-config.js';
import { Clock } from '../../kernel/clock.js';
import { InstanceService } from '../../modules/instances/instance.service.js';
import { RetentionStore } from '../../store/retention.store.js';
import { Sweep } from './sweep.js';

const DAY_MS = 24 * 3_600_000;
/** For clients that come back to a stream they have lost. */
const EVENTS_KEPT_MS = DAY_MS;
/** They are of use to nobody but whoever looks for what happened lately. */
const PROCESSES_KEPT_MS = 30 * DAY_MS;

/** Forgets what time alone makes useless: events of streams, idempotency keys, acts, workers and servers that are gone. */
@Injectable()
export class TraceCleaner extends Sweep {
  override readonly name = 'clean-traces';
  override readonly intervalMs = 300_000;

  constructor(
    private readonly config: AppConfig,
    private readonly clock: Clock,
    private readonly retention: RetentionStore,
    private readonly instance: InstanceService,
  ) {
    super();
  }

  override async run(): Promise<boolean> {
    const now = this.clock.now();
    const isMore = [
      await this.retention.forgetOld('events', now - EVENTS_KEPT_MS),
      await this.retention.forgetOld('idempotencyKeys', now),
      await this.retention.forgetOld('acts', now - this.config.times.auditRetentionMs),
      await this.retention.forgetOld('workers', now - PROCESSES_KEPT_MS),
      await this.retention.forgetInstances(now - PROCESSES_KEPT_MS, this.instance.seq),
    ];
    return isMore.includes(true);
  }
}
