import { Injectable } from '@nestjs/common';
import { sparingly } from '../../kernel/sparingly.js';
import { AppLogger } from '../../telemetry/logger.js';
import { Metrics } from '../../telemetry/metrics.js';
import type { ReportFault } from './report.mapper.js';

/** `late`: its task is not leased any more. `failed`: it could not be stored. */
export type ReportOutcome = 'counted' | 'late' | 'unknown_task' | 'queue_not_marked' | 'failed' | ReportFault;

/** Whoever writes nonsense can write much of it. */
const LOG_MS = 10_000;

/** What is told of workers' reports: they themselves get no answer. */
@Injectable()
export class ReportTelemetry {
  private passedOver: Partial<Record<ReportOutcome, number>> = {};
  private readonly tell = sparingly(LOG_MS, (tenantSeq: number) => this.tellPassedOver(tenantSeq));

  constructor(
    private readonly logger: AppLogger,
    private readonly metrics: Metrics,
  ) {}

  heard(outcome: ReportOutcome, tenantSeq: number): void {
    this.metrics.streamedReports.inc({ outcome });
    if (outcome === 'counted') return;
    this.passedOver[outcome] = (this.passedOver[outcome] ?? 0) + 1;
    this.tell(tenantSeq);
  }

  lost(error: unknown): void {
    this.logger.error({ err: error }, "workers' reports over Redis could not be stored and are lost");
  }

  private tellPassedOver(tenantSeq: number): void {
    this.logger.warn({ passedOver: this.passedOver, tenantSeq }, "workers' reports over Redis changed nothing");
    this.passedOver = {};
  }
}
