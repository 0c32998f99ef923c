import { Injectable } from '@nestjs/common';
import { AppConfig } from '../../config/app-config.js';
import { Clock } from '../../kernel/clock.js';
import { RetentionStore } from '../../store/retention.store.js';
import { Sweep } from './sweep.js';

/** Forgets callbacks that were delivered, or given up, long ago. */
@Injectable()
export class CallbackCleaner extends Sweep {
  override readonly name = 'clean-callbacks';
  override readonly intervalMs = 60_000;

  constructor(
    private readonly config: AppConfig,
    private readonly clock: Clock,
    private readonly retention: RetentionStore,
  ) {
    super();
  }

  override async run(): Promise<boolean> {
    const { retentionMs, deadLetterRetentionMs } = this.config.times;
    const now = this.clock.now();
    const outlived = [
      ...(await this.retention.outlivedCallbacks('delivered', now - retentionMs)),
      ...(await this.retention.outlivedCallbacks('dead', now - deadLetterRetentionMs)),
    ];
    return outlived.length > 0 && (await this.retention.forgetCallbacks(outlived)) > 0;
  }
}
