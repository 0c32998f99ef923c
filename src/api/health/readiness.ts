import { Injectable } from '@nestjs/common';
import { AppConfig } from '../../config/app-config.js';
import { Clock } from '../../kernel/clock.js';
import { messageOf } from '../../kernel/errors.js';
import { Broker } from '../../ports/broker.js';
import { HealthStore } from '../../store/health.store.js';
import { AppLogger } from '../../telemetry/logger.js';
import { ServerPhase } from '../common/server-phase.js';

/** One thing that must be well; `detail` is for people. */
export interface Check {
  isOk: boolean;
  /** Without it no requests should be sent here. */
  isVital: boolean;
  detail: string;
}

export interface ReadinessReport {
  isReady: boolean;
  checks: Readonly<Record<string, Check>>;
}

/** However often somebody asks, the store is written this often at most. */
const PROBE_INTERVAL_MS = 5_000;
/** A write that takes longer than this is as good as none. */
const PROBE_PATIENCE_MS = 3_000;

/**
 * Whether requests should be sent to this server: it has started, it is not stopping, and its store takes writes. A slow
 * or broken upstream does not make it unready: accepting work and keeping it safe is what it is for. Nor does a Redis that is
 * away, because nothing is refused for that; but a server that is only there to run calls, and gets none, is of no use.
 */
@Injectable()
export class Readiness {
  private probe: Promise<Check> | null = null;
  private probedAt = 0;

  constructor(
    private readonly phase: ServerPhase,
    private readonly store: HealthStore,
    private readonly broker: Broker,
    private readonly config: AppConfig,
    private readonly clock: Clock,
    private readonly logger: AppLogger,
  ) {}

  async report(): Promise<ReadinessReport> {
    const isServing = this.phase.current === 'serving';
    const checks = {
      server: { isOk: isServing, isVital: true, detail: this.phase.current },
      store: await this.checkStore(),
      calls: this.checkCalls(),
    };
    return { isReady: Object.values(checks).every(({ isOk, isVital }) => isOk || !isVital), checks };
  }

  private checkCalls(): Check {
    const { problem } = this.broker;
    return { isOk: problem === null, isVital: this.config.role === 'engine', detail: problem ?? 'carried' };
  }

  private checkStore(): Promise<Check> {
    const now = this.clock.now();
    if (this.probe === null || now - this.probedAt >= PROBE_INTERVAL_MS) {
      this.probe = this.probeStore();
      this.probedAt = now;
    }
    return this.probe;
  }

  private async probeStore(): Promise<Check> {
    let timer: NodeJS.Timeout | undefined;
    const tooLate = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`no write within ${PROBE_PATIENCE_MS} ms`)), PROBE_PATIENCE_MS);
    });
    try {
      await Promise.race([this.store.probeWrite(), tooLate]);
      return { isOk: true, isVital: true, detail: 'takes writes' };
    } catch (error) {
      this.logger.error({ err: error }, 'the store takes no writes');
      return { isOk: false, isVital: true, detail: messageOf(error) };
    } finally {
      clearTimeout(timer);
    }
  }
}
