import { Injectable } from '@nestjs/common';
import { messageOf } from '../../kernel/errors.js';
import type { Lane } from '../../modules/queues/queues.service.js';
import type { FinishedTask } from '../../store/procedures/task-shapes.js';
import { AppLogger } from '../../telemetry/logger.js';
import { Metrics } from '../../telemetry/metrics.js';

/** A store that is down is reported once in a while, not once per task. */
const STORE_REPORT_MS = 5000;

/** What the dispatch engine tells the log and the metrics. */
@Injectable()
export class DispatchTelemetry {
  private reportedAt = -STORE_REPORT_MS;

  constructor(
    private readonly logger: AppLogger,
    private readonly metrics: Metrics,
  ) {}

  called(upstream: string, code: string, startedAt: number): void {
    this.metrics.upstreamRequests.inc({ upstream, code });
    this.metrics.upstreamRequestSeconds.observe({ upstream }, (performance.now() - startedAt) / 1000);
  }

  finished(lane: Lane, end: FinishedTask, isRecorded: boolean): void {
    if (!isRecorded) {
      this.metrics.staleCompletionsRejected.inc();
      return;
    }
    this.metrics.tasksCompleted.inc({ queue: lane.queue.name, outcome: end.state });
    if (end.batchSeq !== null) {
      const isGood = end.statusCode !== null && end.statusCode < 400;
      this.metrics.batchLines.inc({ outcome: isGood ? 'completed' : 'failed' });
    }
  }

  retried(reason: string): void {
    this.metrics.tasksRetried.inc({ reason });
  }

  limits(upstream: string, limit: number): void {
    this.metrics.upstreamConcurrencyLimit.set({ upstream }, limit);
  }

  paced(upstream: string, detail: Record<string, unknown>): void {
    this.logger.debug({ upstream, ...detail }, 'the upstream asked for a slower pace');
  }

  /** Its tasks wait from now on; one call at a time asks whether it is back. */
  upstreamBroke(upstream: string, reason: string): void {
    this.logger.warn({ upstream }, `the upstream '${upstream}' does not work, and its tasks wait: ${reason}`);
  }

  upstreamMended(upstream: string, brokenMs: number): void {
    this.logger.info({ upstream, brokenMs: Math.round(brokenMs) }, `the upstream '${upstream}' works again`);
  }

  storeFailed(error: unknown): void {
    const now = performance.now();
    if (now - this.reportedAt < STORE_REPORT_MS) return;
    this.reportedAt = now;
    this.logger.error({ err: error }, `a result could not be stored and is tried again: ${messageOf(error)}`);
  }

  /** Tasks that were leased to this process without its knowledge have gone back. */
  foundUnknown(count: number): void {
    this.metrics.tasksRetried.inc({ reason: 'lease_unknown' }, count);
    this.logger.warn({ count }, 'tasks were leased by writes whose answers did not come; they are ready again');
  }

  /** A handler threw: a matter for whoever wrote it. */
  handlerFailed(handler: string, error: unknown): void {
    this.logger.warn({ handler, err: error }, `the handler ${handler} failed: ${messageOf(error)}`);
  }

  failed(error: unknown, what: string): void {
    this.logger.error({ err: error }, what);
  }
}
