/**
 * In: calls ("this lane has ready tasks"). Out: slices, cut at lease time, handed to the runner.
 *
 * Invariant: a task is started only with a permit in hand, and leased only with one or when it will get one within
 * milliseconds (see LaneStock). A lane that gets no permit is remembered as hungry and served, lowest level first, when
 * permits come free.
 */
import { Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { InstanceService } from '../../modules/instances/instance.service.js';
import { QueuesService, type Lane } from '../../modules/queues/queues.service.js';
import { permitKeyOf, type Upstream } from '../../modules/upstreams/upstream.js';
import { TaskStore } from '../../store/task.store.js';
import { DispatchPorts } from './dispatch-ports.js';
import { DispatchTelemetry } from './dispatch-telemetry.js';
import { HungryLanes } from './hungry-lanes.js';
import { LaneStock } from './lane-stock.js';
import { Recorder } from './recorder.js';
import { TaskRunner } from './task-runner.js';
import { UpstreamGate } from './upstream-gate.js';

/** Tasks leased in one transaction at most. */
const MAX_SLICE = 100;
const STALE_SWEEP_MS = 1000;

/** A lane that is being worked on, with the upstream it had when this look at it began. */
interface Bench {
  lane: Lane;
  upstream: Upstream;
  gate: UpstreamGate;
  stock: LaneStock;
}

@Injectable()
export class DispatcherEngine implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly gates = new Map<string, UpstreamGate>();
  private readonly stocks = new Map<number, LaneStock>();
  private readonly hungry = new HungryLanes();
  private staleSweep: NodeJS.Timeout | null = null;
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
    const { broker, limiter, events, clock } = this.ports;
    limiter.freed.subscribe((key) => this.serveHungry(key));
    events.on('batch.finalize').subscribe(({ batchSeq }) => this.giveUpStocks({ batchSeq }));
    events.on('batch.abort').subscribe(({ batchSeq }) => this.runner.abortBatch(batchSeq));
    broker.consume(async ({ laneId }) => {
      this.stockOf(laneId).mayHaveMore = true;
      await this.workLane(laneId);
    });
    this.staleSweep = setInterval(() => this.giveUpStocks({ staleAt: clock.now() }), STALE_SWEEP_MS);
    this.staleSweep.unref();
    this.queues.call(this.queues.allLanes().map((lane) => lane.seq));
  }

  /** Takes no more calls, gives back what has not started, and lets what runs end within the grace time. */
  async beforeApplicationShutdown(): Promise<void> {
    this.isStopping = true;
    if (this.staleSweep) clearInterval(this.staleSweep);
    await this.ports.broker.stop();
    this.giveUpStocks({ all: true });
    const graceMs = this.ports.config.times.shutdownGraceMs;
    const timer = setTimeout(() => {
      this.recorder.stop();
      this.runner.abortAll('the server is shutting down');
    }, graceMs);
    await this.runner.drained();
    clearTimeout(timer);
  }

  /** Starts what the permits allow, leasing as it goes, until the lane's work or the permits run out. */
  private async workLane(laneSeq: number): Promise<void> {
    for (let bench = this.benchOf(laneSeq); bench !== null; bench = this.benchOf(laneSeq)) {
      const { lane, gate, stock } = bench;
      if (stock.size === 0 && (!stock.mayHaveMore || stock.isLeasing)) return;
      const granted = await this.ports.limiter.acquire(gate.key, lane.level, MAX_SLICE, gate.limits);
      if (granted === 0) {
        this.hungry.add(gate.key, lane.seq, lane.level);
        return;
      }
      await this.startUpTo(bench, granted);
    }
  }

  /** Uses `granted` permits on stocked and newly leased tasks, and gives back those that found no task. */
  private async startUpTo(bench: Bench, granted: number): Promise<void> {
    const { gate, stock } = bench;
    let unused = granted - this.startStocked(bench, granted);
    try {
      if (unused > 0 && stock.mayHaveMore && !stock.isLeasing) {
        await this.lease(bench, unused, false);
        unused -= this.startStocked(bench, unused);
      }
    } finally {
      if (unused > 0) this.ports.limiter.release(gate.key, unused, unused);
    }
    this.leaseAhead(bench);
  }

  private startStocked({ lane, upstream, gate, stock }: Bench, permits: number): number {
    const slice = stock.take(permits, this.ports.clock.now());
    this.runner.start(lane, upstream, gate, slice);
    return slice.length;
  }

  private async lease({ lane, stock }: Bench, want: number, isAhead: boolean): Promise<void> {
    stock.isLeasing = true;
    try {
      // Cleared before the lease, so that a call which comes meanwhile is not forgotten.
      stock.mayHaveMore = false;
      const slice = await this.tasks.lease({ laneSeq: lane.seq, want, ownerSeq: this.instance.seq }, isAhead);
      stock.add(this.runner.load(slice), this.ports.clock.now());
      if (slice.length === want) stock.mayHaveMore = true;
    } finally {
      stock.isLeasing = false;
    }
    if (this.isStopping) this.giveUpStocks({ all: true });
  }

  private leaseAhead(bench: Bench): void {
    const { lane, stock } = bench;
    const missing = stock.mayHaveMore && !stock.isLeasing ? stock.missing(this.ports.clock.now()) : 0;
    if (missing === 0 || this.isStopping) return;
    this.lease(bench, missing, true)
      .then(() => this.workLane(lane.seq))
      .catch((error: unknown) => this.leaseFailed(error));
  }

  private serveHungry(key: string): void {
    for (const laneSeq of this.hungry.takeAll(key)) {
      this.workLane(laneSeq).catch((error: unknown) => this.leaseFailed(error));
    }
  }

  private giveUpStocks(which: Parameters<LaneStock['giveUp']>[0]): void {
    for (const [laneSeq, stock] of this.stocks) {
      const lane = this.queues.laneBySeq(laneSeq);
      const gone = stock.giveUp(which);
      if (lane && gone.length > 0)
        this.runner.release(
          lane,
          gone.map(({ task }) => task),
        );
    }
  }

  private leaseFailed(error: unknown): void {
    this.telemetry.failed(error, 'a slice could not be leased; the call sweep comes back to it');
  }

  private benchOf(laneSeq: number): Bench | null {
    const lane = this.queues.laneBySeq(laneSeq);
    if (this.isStopping || !lane?.upstream || lane.queue.isPaused) return null;
    return { lane, upstream: lane.upstream, gate: this.gateOf(lane.upstream), stock: this.stockOf(laneSeq) };
  }

  private stockOf(laneSeq: number): LaneStock {
    let stock = this.stocks.get(laneSeq);
    if (!stock) this.stocks.set(laneSeq, (stock = new LaneStock()));
    return stock;
  }

  private gateOf(upstream: Upstream): UpstreamGate {
    const key = permitKeyOf(upstream);
    let gate = this.gates.get(key);
    if (!gate) {
      const fresh = new UpstreamGate(upstream, this.ports.limiter, this.ports.clock);
      this.gates.set(key, (gate = fresh));
      this.ports.health.tell(upstream, () => fresh.condition);
    }
    gate.update(upstream);
    return gate;
  }
}
