import { Injectable } from '@nestjs/common';
import type { CallbackEnd, LeasedCallback } from '../../store/procedures/callback-shapes.js';
import { AppLogger } from '../../telemetry/logger.js';
import { Metrics } from '../../telemetry/metrics.js';

/** What the callbacks engine tells the log and the metrics. */
@Injectable()
export class CallbackTelemetry {
  constructor(
    private readonly logger: AppLogger,
    private readonly metrics: Metrics,
  ) {}

  tried({ id, target, tries }: LeasedCallback, { state, attempt }: CallbackEnd): void {
    if (attempt === null) return;
    this.metrics.webhookDeliveries.inc({ result: state === 'waiting' ? 'failed' : state });
    const detail = { callback: id, target, tries: tries + 1, status: attempt.statusCode, error: attempt.error };
    if (state === 'dead') this.logger.warn(detail, 'a callback was given up; it can be replayed');
    if (state === 'waiting') this.logger.debug(detail, 'a callback was not taken; it is tried again');
  }

  pending(count: number): void {
    this.metrics.webhookPending.set({}, count);
  }

  failed(error: unknown, what: string): void {
    this.logger.error({ err: error }, what);
  }
}
