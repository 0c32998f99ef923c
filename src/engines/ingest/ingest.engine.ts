/**
 * In: batches that are `validating`, or whose lines are not all in. Out: their lines as ready tasks and a call to the
 * dispatchers, or a `failed` batch that names every fault of its file.
 */
import { Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { ServiceLoop } from '../../kernel/service-loop.js';
import { ClaimsService } from '../../modules/instances/claims.service.js';
import { EventBus } from '../../ports/event-bus.js';
import { BatchStore } from '../../store/batch.store.js';
import { BatchIngest } from './batch-ingest.js';
import { IngestTelemetry } from './ingest-telemetry.js';

/** How often batches are looked for that no event announced. */
const POLL_MS = 1000;

@Injectable()
export class IngestEngine implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly loop: ServiceLoop;
  private isStopping = false;

  constructor(
    private readonly batches: BatchStore,
    private readonly ingest: BatchIngest,
    private readonly claims: ClaimsService,
    private readonly events: EventBus,
    telemetry: IngestTelemetry,
  ) {
    this.loop = new ServiceLoop({
      name: 'ingest',
      intervalMs: POLL_MS,
      step: () => this.ingestWaiting(),
      onError: (error) => telemetry.logger.error({ err: error }, 'a batch could not be read in; it is tried again'),
    });
  }

  onApplicationBootstrap(): void {
    this.events.on('batch.ingest').subscribe(() => this.loop.wake());
    this.loop.start();
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.isStopping = true;
    this.ingest.stop();
    await this.loop.stop();
  }

  private async ingestWaiting(): Promise<void> {
    const seqs = (await this.batches.toIngest()).map(({ seq }) => seq);
    await this.claims.holdEach('ingest', seqs, (seq) => this.ingestClaimed(seq));
  }

  /** Looks at the batch as it is now: another process may have had it until a moment ago. */
  private async ingestClaimed(batchSeq: number): Promise<void> {
    if (this.isStopping) return;
    const batch = await this.batches.bySeq(batchSeq);
    const isWaiting = batch.endedAt === null && (batch.state === 'validating' || batch.ingested < batch.total);
    if (isWaiting) await this.ingest.ingest(batch);
  }
}
