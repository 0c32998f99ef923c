/**
 * This process as an owner of leases. Embedded, the folder's lock proves that every earlier instance is dead, so their leases
 * go back to their places before this one serves anything. Distributed, an instance gives a sign of life each second; one that
 * was taken for dead meanwhile (it was halted, or cut off from the store) has lost its leases, and goes on as a new one.
 */
import { Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { Subject, type Observable } from 'rxjs';
import { AppConfig } from '../../config/app-config.js';
import { newId } from '../../kernel/ids.js';
import { ServiceLoop } from '../../kernel/service-loop.js';
import { InstanceStore } from '../../store/instance.store.js';
import { HandlerRegistry } from '../handlers/handler-registry.js';
import { AppLogger } from '../../telemetry/logger.js';
import { BEAT_MS, InstancePolicy } from './instance-policy.js';
import { LeaseRescue, type Rescued } from './lease-rescue.js';
import { isGone, ownHost } from '../../config/own-process.js';

@Injectable()
export class InstanceService implements OnModuleInit, OnApplicationShutdown {
  /** Emits when all leases of this process were lost: whatever runs under one is for nothing. */
  readonly lost: Observable<void>;
  private readonly losses = new Subject<void>();
  private readonly beats: ServiceLoop;
  private ownSeq: number | null = null;
  private lastBeat = Number.NEGATIVE_INFINITY;
  private steadySince = Number.POSITIVE_INFINITY;

  constructor(
    private readonly config: AppConfig,
    private readonly policy: InstancePolicy,
    private readonly instances: InstanceStore,
    private readonly rescue: LeaseRescue,
    private readonly handlers: HandlerRegistry,
    private readonly logger: AppLogger,
  ) {
    this.lost = this.losses.asObservable();
    this.beats = new ServiceLoop({
      name: 'instance-beat',
      intervalMs: BEAT_MS,
      maxFailurePauseMs: BEAT_MS, // whoever rests after an outage is taken for dead
      step: () => this.beat(),
      onError: (error) => logger.error({ err: error }, 'this server could not give a sign of life; it is tried again'),
    });
  }

  /** Owns the leases of this process's dispatchers. */
  get seq(): number {
    if (this.ownSeq === null) throw new Error('the instance is not registered yet');
    return this.ownSeq;
  }

  /**
   * How long this process has given its signs of life without a gap, ms. Only one that was awake for as long may say that
   * another was silent: after a halt of its own, or of the store, everybody looks dead.
   */
  get steadyMs(): number {
    return Math.max(0, this.lastBeat - this.steadySince);
  }

  async onModuleInit(): Promise<void> {
    await this.register();
    if (this.policy.isAlone) {
      this.tellRescued(await this.rescue.takeBack(this.seq, null));
      return;
    }
    this.beats.start();
    await this.buryNeighbours();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.beats.stop();
    if (this.ownSeq !== null) await this.instances.end(this.ownSeq);
  }

  /** Nobody need wait for the silence of a process of this host that is not there any more, such as our own last life. */
  private async buryNeighbours(): Promise<void> {
    for (const { seq, pid } of await this.instances.neighbours(this.seq, ownHost())) {
      if (isGone(pid)) await this.instances.bury(seq);
    }
    for await (const rescued of this.rescue.takeBackEnded(this.seq)) this.tellRescued(rescued);
  }

  private tellRescued({ tasks, callbacks }: Rescued): void {
    if (tasks > 0)
      this.logger.info({ rescued: tasks }, 'tasks that an earlier server was running go back to their places');
    if (callbacks > 0)
      this.logger.info({ callbacks }, 'callbacks that an earlier server was delivering are sent again');
  }

  private async register(): Promise<void> {
    this.ownSeq = await this.instances.register({
      id: newId('instance'),
      role: this.config.role,
      host: ownHost(),
      pid: process.pid,
      handlerTypes: JSON.stringify([...this.handlers.handlers.keys()]),
    });
  }

  private async beat(): Promise<void> {
    if (await this.instances.beat(this.seq)) {
      const now = performance.now();
      if (now - this.lastBeat > 3 * BEAT_MS) this.steadySince = now;
      this.lastBeat = now;
      return;
    }
    const formerSeq = this.seq;
    await this.register();
    this.logger.warn({ formerSeq, seq: this.seq }, 'others took this server for dead; it goes on as a new instance');
    this.losses.next();
  }
}
