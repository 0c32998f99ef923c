/**
 * The queues, their lanes and their upstreams, held in memory because every line of a batch asks for them. The copy is
 * made anew when anybody changes a queue, and every few seconds in case the notice was lost.
 */
import { Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { ServiceLoop } from '../../kernel/service-loop.js';
import { Broker } from '../../ports/broker.js';
import { EventBus } from '../../ports/event-bus.js';
import { QueueStore } from '../../store/queue.store.js';
import { AppLogger } from '../../telemetry/logger.js';
import type { Upstream } from '../upstreams/upstream.js';
import { UpstreamsService } from '../upstreams/upstreams.service.js';
import { isDispatched, queueOf, type Queue } from './queue.js';
import { queueNamed, routeTask, type RouteQuery } from './routing.js';

const REFRESH_MS = 5000;

/** A lane with all that a dispatcher must know to work on it. */
export interface Lane {
  seq: number;
  level: number;
  queue: Queue;
  upstream: Upstream | null;
}

@Injectable()
export class QueuesService implements OnModuleInit, OnModuleDestroy {
  private queues: Queue[] = [];
  private upstreams = new Map<number, Upstream>();
  private lanes = new Map<number, Lane>();
  private readonly refresher: ServiceLoop;
  private readings = 0;
  private readingShown = 0;

  constructor(
    private readonly store: QueueStore,
    private readonly upstreamsService: UpstreamsService,
    private readonly broker: Broker,
    private readonly events: EventBus,
    logger: AppLogger,
  ) {
    this.refresher = new ServiceLoop({
      name: 'queue-refresh',
      intervalMs: REFRESH_MS,
      step: () => this.refresh(),
      onError: (error) => logger.error({ err: error }, 'could not read the queues; the last known ones stay in use'),
    });
  }

  async onModuleInit(): Promise<void> {
    await this.refresh();
    this.events.on('queues.changed').subscribe(() => this.refresher.wake());
    this.refresher.start();
  }

  async onModuleDestroy(): Promise<void> {
    await this.refresher.stop();
  }

  /** Reads everything anew; whoever changed a queue and needs to see it at once calls this. */
  async refresh(): Promise<void> {
    const reading = ++this.readings;
    const before = new Set(this.lanes.keys());
    const [queues, upstreams, lanes] = await Promise.all([
      this.store.queues(),
      this.upstreamsService.all(),
      this.store.lanes(),
    ]);
    if (reading < this.readingShown) return; // one that began later was faster
    this.readingShown = reading;
    this.queues = queues.map(queueOf);
    this.upstreams = new Map(upstreams.map((upstream) => [upstream.seq, upstream]));
    const bySeq = new Map(this.queues.map((queue) => [queue.seq, queue]));
    const madeMeanwhile = [...this.lanes].filter(([seq, { queue }]) => !before.has(seq) && bySeq.has(queue.seq));
    this.lanes = new Map([
      ...madeMeanwhile,
      ...lanes.flatMap(({ seq, level, queueSeq }) => {
        const queue = bySeq.get(queueSeq);
        return queue ? [[seq, this.laneOf(seq, level, queue)] as const] : [];
      }),
    ]);
  }

  /** From now on nothing is routed to this queue, until the next refresh finds that it is still there. */
  forget(queueSeq: number): void {
    this.readingShown = ++this.readings; // what is being read now still has it
    this.queues = this.queues.filter((queue) => queue.seq !== queueSeq);
    for (const [seq, lane] of this.lanes) if (lane.queue.seq === queueSeq) this.lanes.delete(seq);
  }

  all(): readonly Queue[] {
    return this.queues;
  }

  allLanes(): readonly Lane[] {
    return [...this.lanes.values()];
  }

  /** The caller's own queue of that name, then a shared one. */
  named(tenantSeq: number, name: string): Queue | null {
    return queueNamed(this.queues, tenantSeq, name);
  }

  /** Queues that had this name, the caller's own and shared ones, and were deleted, as long as tasks of them are kept. */
  deletedNamed(tenantSeq: number, name: string): Promise<number[]> {
    return this.store.deletedNamed(tenantSeq, name);
  }

  route(query: RouteQuery): Queue | null {
    return routeTask(this.queues, query);
  }

  bySeq(seq: number): Queue | null {
    return this.queues.find((queue) => queue.seq === seq) ?? null;
  }

  upstreamOf({ upstreamSeq }: Queue): Upstream | null {
    return upstreamSeq === null ? null : (this.upstreams.get(upstreamSeq) ?? null);
  }

  /** The lane of a queue at a level, made when it is first used. */
  async lane(queue: Queue, level: number): Promise<Lane> {
    for (const lane of this.lanes.values()) {
      if (lane.queue.seq === queue.seq && lane.level === level) return lane;
    }
    const seq = await this.store.ensureLane(queue.seq, level);
    await this.refresh(); // not just added: a reading that is under way would drop it again
    return this.lanes.get(seq) ?? this.laneOf(seq, level, queue);
  }

  laneBySeq(seq: number): Lane | null {
    return this.lanes.get(seq) ?? null;
  }

  /**
   * Tells whoever works these lanes off that they have ready tasks: dispatchers by calls, workers that wait by an event.
   * `count`: so many new ones in each lane; null for who knows how many.
   */
  call(laneSeqs: Iterable<number>, count: number | null = null): void {
    for (const laneSeq of laneSeqs) {
      const lane = this.lanes.get(laneSeq);
      if (!lane || lane.queue.isPaused) continue;
      if (isDispatched(lane.queue)) this.broker.call({ laneId: laneSeq, level: lane.level });
      if (lane.queue.consumers.has('pull')) this.events.publish('lane.ready', { laneSeq, count });
    }
  }

  private laneOf(seq: number, level: number, queue: Queue): Lane {
    return { seq, level, queue, upstream: this.upstreamOf(queue) };
  }
}
