import { Injectable } from '@nestjs/common';
import { ServiceLoop } from '../../kernel/service-loop.js';
import { ClaimsService } from '../../modules/instances/claims.service.js';
import { AppLogger } from '../../telemetry/logger.js';
import { Metrics } from '../../telemetry/metrics.js';

const CLAIM = 'maintenance';
/** How long the sweeps rest when a leader is cut off from the store; one that dies is followed at once when that is known. */
const TERM_MS = 6_000;
const PROLONG_MS = 2_000;
/** What the store's clock and ours may have drifted apart in one term. */
const MARGIN_MS = 1_000;

/**
 * Which process runs the sweeps: one at a time, for thrift. Each sweep is safe if two run it, which happens for a moment
 * when a leader was halted; that is why nobody asks the store before each step.
 */
@Injectable()
export class Leader {
  private readonly loop: ServiceLoop;
  private trustedUntil = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly claims: ClaimsService,
    private readonly metrics: Metrics,
    logger: AppLogger,
  ) {
    this.loop = new ServiceLoop({
      name: 'leader',
      intervalMs: PROLONG_MS,
      maxFailurePauseMs: PROLONG_MS,
      step: () => this.prolong(),
      onError: (error) => logger.warn({ err: error }, 'could not ask who runs the sweeps; it is asked again'),
    });
  }

  get isSelf(): boolean {
    return performance.now() < this.trustedUntil;
  }

  /** Resolves when it is known who leads. */
  async start(): Promise<void> {
    await this.prolong();
    this.loop.start();
  }

  async stop(): Promise<void> {
    await this.loop.stop();
    this.trustedUntil = Number.NEGATIVE_INFINITY;
  }

  private async prolong(): Promise<void> {
    const askedAt = performance.now();
    if (await this.claims.take(CLAIM, TERM_MS)) this.trustedUntil = askedAt + TERM_MS - MARGIN_MS;
    this.metrics.leader.set({}, this.isSelf ? 1 : 0);
  }
}
