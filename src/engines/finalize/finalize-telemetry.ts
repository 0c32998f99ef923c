import { Injectable } from '@nestjs/common';
import { Clock } from '../../kernel/clock.js';
import type { StoredBatch } from '../../store/batch.store.js';
import { AppLogger } from '../../telemetry/logger.js';
import { Metrics } from '../../telemetry/metrics.js';

/** What the finalize engine tells the log and the metrics. */
@Injectable()
export class FinalizeTelemetry {
  constructor(
    private readonly logger: AppLogger,
    private readonly metrics: Metrics,
    private readonly clock: Clock,
  ) {}

  ended(batch: StoredBatch, outcome: string): void {
    const tookMs = this.clock.now() - batch.createdAt;
    this.metrics.batchesEnded.inc({ status: outcome });
    this.metrics.batchSeconds.observe(tookMs / 1000);
    const { id, total, completed, failed } = batch;
    this.logger.info({ batch: id, total, completed, failed, tookMs }, `the batch has ended as ${outcome}`);
  }

  failed(error: unknown): void {
    this.logger.error({ err: error }, 'a batch could not be finalized; it is tried again');
  }
}
