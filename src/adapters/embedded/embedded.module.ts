import { Global, Module, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { AppConfig } from '../../config/app-config.js';
import { Clock } from '../../kernel/clock.js';
import { BlobStore } from '../../ports/blob-store.js';
import { Broker } from '../../ports/broker.js';
import { EventBus } from '../../ports/event-bus.js';
import { Limiter } from '../../ports/limiter.js';
import { ReportStreams } from '../../ports/report-streams.js';
import { AppLogger } from '../../telemetry/logger.js';
import { FsBlobStore } from './fs-blob-store.js';
import { InProcessBroker } from '../local/in-process-broker.js';
import { NoReportStreams } from '../local/no-report-streams.js';
import { LocalEventBus } from '../local/local-event-bus.js';
import { MemoryLimiter } from './memory-limiter.js';

/**
 * The lease that a call leads to takes longer than this, so calls merge by themselves under load. More would only be added to
 * the time of those who wait for an answer.
 */
const CALL_SPACING_MS = 1;

/** The ports of the mode in which one process does everything and needs no other service. Wants AppConfig, Clock and AppLogger. */
@Global()
@Module({
  providers: [
    { provide: FsBlobStore, inject: [AppConfig], useFactory: makeBlobStore },
    { provide: InProcessBroker, inject: [Clock, AppLogger], useFactory: makeBroker },
    { provide: LocalEventBus, inject: [AppLogger], useFactory: makeEventBus },
    { provide: MemoryLimiter, inject: [Clock, AppLogger], useFactory: makeLimiter },
    { provide: BlobStore, useExisting: FsBlobStore },
    { provide: Broker, useExisting: InProcessBroker },
    { provide: EventBus, useExisting: LocalEventBus },
    { provide: Limiter, useExisting: MemoryLimiter },
    { provide: ReportStreams, useValue: new NoReportStreams('that needs distributed mode') },
  ],
  exports: [BlobStore, Broker, EventBus, Limiter, ReportStreams],
})
export class EmbeddedModule implements OnModuleInit, OnApplicationShutdown {
  constructor(
    private readonly blobs: FsBlobStore,
    private readonly broker: InProcessBroker,
    private readonly events: LocalEventBus,
    private readonly limiter: MemoryLimiter,
  ) {}

  /** Not when it is made: the store takes the lock of the data folder then, and only its holder may clear up there. */
  async onModuleInit(): Promise<void> {
    await this.blobs.open();
  }

  /** Last of all, after the engines have stopped: calls first, so that nothing is begun on what closes next. */
  async onApplicationShutdown(): Promise<void> {
    await this.broker.stop();
    await this.events.close();
    this.limiter.close();
    await this.blobs.close();
  }
}

function makeBlobStore(config: AppConfig): FsBlobStore {
  return new FsBlobStore(config.dataDir);
}

function makeBroker(clock: Clock, logger: AppLogger): InProcessBroker {
  const log = logger.child('broker');
  return new InProcessBroker({
    clock,
    spacingMs: CALL_SPACING_MS,
    onError: (err, { laneId, level }) => log.error({ err, laneId, level }, 'A call failed; its lane goes on'),
  });
}

function makeEventBus(logger: AppLogger): LocalEventBus {
  const log = logger.child('event-bus');
  return new LocalEventBus({
    onError: (err, topic) => log.error({ err, topic }, 'A listener failed; it goes on listening'),
  });
}

function makeLimiter(clock: Clock, logger: AppLogger): MemoryLimiter {
  const log = logger.child('limiter');
  return new MemoryLimiter({ clock, onError: (err) => log.error({ err }, 'A listener to freed permits failed') });
}
