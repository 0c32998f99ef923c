/**
 * In: callbacks that are due. Out: signed HTTP requests, and for each a record of what came of it.
 *
 * Invariant: a callback is sent only under a lease, and its lease ends with a record; a server that dies in between leaves
 * the lease to the next one, which sends it again under the same id. So it arrives at least once, or is dead for all to see.
 */
import { Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { AppConfig } from '../../config/app-config.js';
import { backoffMs } from '../../kernel/backoff.js';
import { Clock } from '../../kernel/clock.js';
import { crashPoint } from '../../kernel/crash-point.js';
import { ServiceLoop } from '../../kernel/service-loop.js';
import { InstanceService } from '../../modules/instances/instance.service.js';
import { EventBus } from '../../ports/event-bus.js';
import { CallbackStore } from '../../store/callback.store.js';
import type { CallbackEnd, LeasedCallback } from '../../store/procedures/callback-shapes.js';
import { CallbackDelivery } from './callback-delivery.js';
import { CallbackPlaces, PLACES } from './callback-places.js';
import { CallbackTelemetry } from './callback-telemetry.js';

/** Leased in one transaction. */
const MAX_LEASE = 100;
const SWEEP_MS = 1000;
const COUNT_MS = 5000;
const STORE_BACKOFF = { firstMs: 100, maxMs: 5000 };

@Injectable()
export class CallbacksEngine implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly loop: ServiceLoop;
  private readonly places = new CallbackPlaces();
  private readonly running = new Set<Promise<void>>();
  private readonly stopping = new AbortController();
  private countedAt = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly config: AppConfig,
    private readonly instance: InstanceService,
    private readonly store: CallbackStore,
    private readonly delivery: CallbackDelivery,
    private readonly events: EventBus,
    private readonly clock: Clock,
    private readonly telemetry: CallbackTelemetry,
  ) {
    this.loop = new ServiceLoop({
      name: 'callbacks',
      intervalMs: SWEEP_MS,
      step: () => this.deliverDue(),
      onError: (error) => telemetry.failed(error, 'callbacks could not be leased; they are looked for again'),
    });
  }

  onApplicationBootstrap(): void {
    this.events.on('callback.deliver').subscribe(() => this.loop.wake());
    this.loop.start();
  }

  /** Begins no more, and lets those under way end within the grace time; what does not end goes back. */
  async beforeApplicationShutdown(): Promise<void> {
    await this.loop.stop();
    const timer = setTimeout(() => this.stopping.abort(), this.config.times.shutdownGraceMs);
    await Promise.all(this.running);
    clearTimeout(timer);
  }

  private async deliverDue(): Promise<boolean> {
    await this.countPending();
    if (this.running.size >= PLACES || !(await this.store.hasDue())) return false;
    const lines = this.places.share(await this.store.dueLines(), MAX_LEASE);
    if (lines.length === 0) return false;
    const leased = await this.store.lease({ ownerSeq: this.instance.seq, lines });
    for (const callback of leased) this.start(callback);
    return leased.length === MAX_LEASE;
  }

  private start(callback: LeasedCallback): void {
    const delivering = this.deliver(callback)
      .catch((error: unknown) => this.telemetry.failed(error, 'a callback stays leased until the next start'))
      .finally(() => {
        this.running.delete(delivering);
        this.loop.wake();
      });
    this.running.add(delivering);
  }

  private async deliver(callback: LeasedCallback): Promise<void> {
    this.places.begin(callback);
    let isAnswering: boolean | null = null;
    try {
      const isProven = this.places.isProven(callback);
      const tried = await this.delivery.tryOnce(callback, isProven, this.stopping.signal);
      isAnswering = tried.isAnswering;
      crashPoint('callback:sent');
      await this.record(callback, tried.end);
    } finally {
      this.places.end(callback, isAnswering);
    }
  }

  /** Goes on until the store takes it; only the end of this server leaves the lease to the next one. */
  private async record(callback: LeasedCallback, end: CallbackEnd): Promise<void> {
    for (let failures = 1; ; failures += 1) {
      try {
        if (await this.store.record(end)) this.telemetry.tried(callback, end);
        return;
      } catch (error) {
        this.telemetry.failed(error, 'what came of a callback could not be stored; it is tried again');
        if (this.stopping.signal.aborted) return;
        await new Promise((resume) => setTimeout(resume, backoffMs(failures, STORE_BACKOFF)));
      }
    }
  }

  private async countPending(): Promise<void> {
    const now = this.clock.now();
    if (now - this.countedAt < COUNT_MS) return;
    this.countedAt = now;
    this.telemetry.pending(await this.store.pending());
  }
}
