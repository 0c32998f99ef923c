import { Injectable } from '@nestjs/common';
import { ServiceLoop } from '../../kernel/service-loop.js';
import { ClaimStore } from '../../store/claim.store.js';
import { AppLogger } from '../../telemetry/logger.js';
import { InstancePolicy } from './instance-policy.js';
import { InstanceService } from './instance.service.js';

/** A claim lasts so long after it was last prolonged; one of a dead holder ends with it. */
const TTL_MS = 15_000;
const PROLONG_MS = 3_000;

/**
 * Work that one process at a time should do, such as reading a batch in: for thrift, not for safety. Whoever is alone has
 * every claim, and nothing is written for it.
 */
@Injectable()
export class ClaimsService {
  constructor(
    private readonly policy: InstancePolicy,
    private readonly instance: InstanceService,
    private readonly claims: ClaimStore,
    private readonly logger: AppLogger,
  ) {}

  /** Does the work unless another process does it now; false in that case. */
  async hold(name: string, work: () => Promise<void>): Promise<boolean> {
    if (this.policy.isAlone) {
      await work();
      return true;
    }
    if (!(await this.take(name))) return false;
    const prolonging = new ServiceLoop({
      name: `claim ${name}`,
      intervalMs: PROLONG_MS,
      maxFailurePauseMs: PROLONG_MS,
      step: async () => void (await this.take(name)),
      onError: (error) =>
        this.logger.warn({ err: error, claim: name }, 'a claim could not be prolonged; it is tried again'),
    });
    prolonging.start();
    try {
      await work();
      return true;
    } finally {
      await prolonging.stop();
      await this.claims.drop(name, this.instance.seq);
    }
  }

  /** Holds one after the other. One whose work fails does not hold up those behind it; the first failure is thrown at the end. */
  async holdEach(kind: string, seqs: readonly number[], work: (seq: number) => Promise<void>): Promise<void> {
    const failures: unknown[] = [];
    for (const seq of seqs) {
      await this.hold(`${kind}:${seq}`, () => work(seq)).catch((error: unknown) => failures.push(error));
    }
    if (failures.length > 0) throw failures[0];
  }

  /** Takes or prolongs a claim; it ends by itself if it is not prolonged. */
  async take(name: string, ttlMs = TTL_MS): Promise<boolean> {
    return this.policy.isAlone || this.claims.take({ name, instanceSeq: this.instance.seq, ttlMs });
  }
}
