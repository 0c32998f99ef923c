/**
 * In: batches whose last line has ended, or that were stopped. Out: their output and error files, in the order of the input
 * file, and the terminal state, all made visible in one transaction.
 */
import { Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { ServiceLoop } from '../../kernel/service-loop.js';
import { ClaimsService } from '../../modules/instances/claims.service.js';
import { EventBus } from '../../ports/event-bus.js';
import { BatchStore } from '../../store/batch.store.js';
import { BatchFinalizer } from './batch-finalizer.js';
import { FinalizeTelemetry } from './finalize-telemetry.js';
import { Settler } from './settler.js';

const POLL_MS = 1000;

@Injectable()
export class FinalizeEngine implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly loop: ServiceLoop;
  private isStopping = false;

  constructor(
    private readonly batches: BatchStore,
    private readonly settler: Settler,
    private readonly finalizer: BatchFinalizer,
    private readonly claims: ClaimsService,
    private readonly events: EventBus,
    telemetry: FinalizeTelemetry,
  ) {
    this.loop = new ServiceLoop({
      name: 'finalize',
      intervalMs: POLL_MS,
      step: () => this.finalizeWaiting(),
      onError: (error) => telemetry.failed(error),
    });
  }

  onApplicationBootstrap(): void {
    this.events.on('batch.finalize').subscribe(() => this.loop.wake());
    this.loop.start();
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.isStopping = true;
    this.finalizer.stop();
    await this.loop.stop();
  }

  private async finalizeWaiting(): Promise<void> {
    const seqs = (await this.batches.toFinalize()).map(({ seq }) => seq);
    await this.claims.holdEach('finalize', seqs, (seq) => this.settleAndFinalize(seq));
  }

  /** Looks at the batch as it is now: another process may have had it until a moment ago. */
  private async settleAndFinalize(batchSeq: number): Promise<void> {
    if (this.isStopping) return;
    const batch = await this.batches.bySeq(batchSeq);
    if (batch.endedAt === null && (await this.settler.settle(batch))) await this.finalizer.finalize(batchSeq);
  }
}
