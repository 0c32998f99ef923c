/**
 * In: calls ("this lane has ready tasks"). Out: slices, cut at lease time, handed to the runner.
 *
 * Invariant: a task is leased only with a permit in hand, so what this process holds is what it is working on. A lane that
 * gets no permit is remembered as hungry and served, lowest level first, when permits come free.
 */
import { Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { AppConfig } from '../../config/app-config.js';
import { Clock } from '../../kernel/clock.js';
import { InstanceService } from '../../modules/instances/instance.service.js';
import { QueuesService, type Lane } from '../../modules/queues/queues.service.js';
import type { Upstream } from '../../modules/upstreams/upstream.js';
import { Broker } from '../../ports/broker.js';
import { EventBus } from '../../ports/event-bus.js';
import { Limiter } from '../../ports/limiter.js';
import { TaskStore } from '../../store/task.store.js';
import { HungryLanes } from './hungry-lanes.js';
import { TaskRunner } from './task-runner.js';
import { UpstreamGate } from './upstream-gate.js';
import { Recorder } from './recorder.js';
import { DispatchTelemetry } from './dispatch-telemetry.js';

/** Tasks leased in one transaction at most. */
const MAX_SLICE = 100;

/** The ports a dispatcher stands between. */
@Injectable()
export class DispatchPorts {
  constructor(
    readonly broker: Broker,
    readonly limiter: Limiter,
    readonly events: EventBus,
    readonly clock: Clock,
    readonly config: AppConfig,
  ) {}
}

@Injectable()
export class DispatcherEngine implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly gates = new Map<number, UpstreamGate>();
  private readonly hungry = new HungryLanes();
  private readonly serving = new Set<string>();
  private isStopping = false;

  constructor(
    private readonly ports: DispatchPorts,
    private readonly queues: QueuesService,
    private readonly instance: InstanceService,
    private readonly tasks: TaskStore,
    private readonly runner: TaskRunner,
    private readonly recorder: Recorder,
    private readonly telemetry: DispatchTelemetry,
  ) {}

  onApplicationBootstrap(): void {
    const { broker, limiter, events } = this.ports;
    limiter.freed.subscribe((key) => void this.serveHungry(key));
    events.on('batch.abort').subscribe(({ batchSeq }) => this.runner.abortBatch(batchSeq));
    broker.consume(({ laneId }) => this.workLane(laneId));
    this.queues.call(this.queues.allLanes().map((lane) => lane.seq));
  }

  /** Takes no more calls, lets what runs end within the grace time, then gives the rest back. */
  async beforeApplicationShutdown(): Promise<void> {
    this.isStopping = true;
    await this.ports.broker.stop();
    const graceMs = this.ports.config.times.shutdownGraceMs;
    const timer = setTimeout(() => {
      this.recorder.stop();
      this.runner.abortAll('the server is shutting down');
    }, graceMs);
    await this.runner.drained();
    clearTimeout(timer);
  }

  /** Leases slices of a lane and starts them until its work or its permits run out. */
  private async workLane(laneSeq: number): Promise<void> {
    while (!this.isStopping) {
      const lane = this.queues.laneBySeq(laneSeq);
      if (!lane?.upstream || lane.queue.isPaused) return;
      const gate = this.gateOf(lane.upstream);
      const granted = await this.ports.limiter.acquire(gate.key, lane.level, MAX_SLICE, gate.limits);
      if (granted === 0) {
        this.hungry.add(gate.key, lane.seq, lane.level);
        return;
      }
      const leased = await this.startSlice(lane, lane.upstream, gate, granted);
      if (leased < granted) return;
    }
  }

  private async startSlice(lane: Lane, upstream: Upstream, gate: UpstreamGate, granted: number): Promise<number> {
    let surplus = granted;
    try {
      const slice = await this.tasks.lease({ laneSeq: lane.seq, want: granted, ownerSeq: this.instance.seq });
      surplus -= slice.length;
      this.runner.start(lane, upstream, gate, slice);
      return slice.length;
    } finally {
      if (surplus > 0) this.ports.limiter.release(gate.key, surplus, surplus);
    }
  }

  private async serveHungry(key: string): Promise<void> {
    if (this.serving.has(key)) return;
    this.serving.add(key);
    try {
      for (const laneSeq of this.hungry.takeAll(key)) await this.workLane(laneSeq);
    } catch (error) {
      this.telemetry.failed(error, 'a slice could not be leased; the call sweep comes back to it');
    } finally {
      this.serving.delete(key);
    }
  }

  private gateOf(upstream: Upstream): UpstreamGate {
    let gate = this.gates.get(upstream.seq);
    if (!gate) {
      gate = new UpstreamGate(upstream, this.ports.limiter, this.ports.clock);
      this.gates.set(upstream.seq, gate);
    }
    gate.update(upstream);
    this.telemetry.limits(upstream.name, gate.limits.concurrency);
    return gate;
  }
}
