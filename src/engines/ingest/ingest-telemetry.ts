import { Injectable } from '@nestjs/common';
import type { StoredBatch } from '../../store/batch.store.js';
import { AppLogger } from '../../telemetry/logger.js';
import { Metrics } from '../../telemetry/metrics.js';

/** What the ingest engine tells the log and the metrics. */
@Injectable()
export class IngestTelemetry {
  constructor(
    readonly logger: AppLogger,
    private readonly metrics: Metrics,
  ) {}

  failed(batch: StoredBatch): void {
    this.metrics.batchesEnded.inc({ status: 'failed' });
    this.logger.info({ batch: batch.id }, 'the batch failed validation');
  }

  damaged(batch: StoredBatch, blobKey: string, error: unknown): void {
    this.logger.error(
      { err: error, batch: batch.id, blob: blobKey },
      'the input file of a batch is missing or damaged',
    );
  }

  started(batch: StoredBatch, lines: number, tookMs: number): void {
    this.logger.info({ batch: batch.id, lines, tookMs: Math.round(tookMs) }, 'the batch is in progress');
  }

  stuck(batch: StoredBatch, queue: string): void {
    this.logger.warn(
      { batch: batch.id, queue },
      `the batch waits: nothing consumes the queue '${queue}'. Set MILLRACE_UPSTREAM_URL, or give the queue an upstream`,
    );
  }
}
