/**
 * In: calls ("this lane has ready tasks") of lanes with an upstream, and tasks with a caller on the line that are about to be
 * stored. Out: slices, cut at lease time, handed to the runner; and the permits and early calls of those tasks.
 *
 * Invariant: a task is started only with a permit in hand, and leased only with one or when it will get one within
 * milliseconds (see LaneStock). A lane that gets no permit is remembered as hungry and served, lowest level first, when
 * permits come free.
 */
import { Injectable } from '@nestjs/common';
import { EarlyStarts, type EarlyStart, type EarlyStarter } from '../../modules/tasks/early-starts.js';
import { QueuesService, type Lane } from '../../modules/queues/queues.service.js';
import { rateKeyOf } from '../../modules/queues/queue.js';
import { permitKeyOf, type Upstream } from '../../modules/upstreams/upstream.js';
import type { NewTask, PutOutcome, PutTask } from '../../store/procedures/single-shapes.js';
import type { LeasedTask } from '../../store/procedures/task-shapes.js';
import { TaskStore } from '../../store/task.store.js';
import { DispatchPorts } from './dispatch-ports.js';
import { DispatchTelemetry } from './dispatch-telemetry.js';
import type { EarlyCall } from './early-call.js';
import { HungryLanes } from './hungry-lanes.js';
import { LaneStock } from './lane-stock.js';
import { LeaseDoubts } from './lease-doubts.js';
import { QueueRate } from './queue-rate.js';
import type { SingleTask } from './single-task.js';
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
export class DispatcherEngine implements EarlyStarter {
  private readonly gates = new Map<string, UpstreamGate>();
  private readonly stocks = new Map<number, LaneStock>();
  private readonly hungry = new HungryLanes();
  private readonly rate: QueueRate;
  private staleSweep: NodeJS.Timeout | null = null;
  private isStopping = false;

  constructor(
    private readonly ports: DispatchPorts,
    private readonly queues: QueuesService,
    private readonly tasks: TaskStore,
    private readonly runner: TaskRunner,
    private readonly telemetry: DispatchTelemetry,
    private readonly earlyStarts: EarlyStarts,
    private readonly doubts: LeaseDoubts,
  ) {
    this.rate = new QueueRate(ports.limiter);
  }

  start(): void {
    const { limiter, events, clock } = this.ports;
    limiter.freed.subscribe((key) => this.serveHungry(key));
    events.on('batch.finalize').subscribe(({ batchSeq }) => this.giveUpStocks({ batchSeq }));
    this.staleSweep = setInterval(() => this.giveUpStocks({ staleAt: clock.now() }), STALE_SWEEP_MS);
    this.staleSweep.unref();
    this.earlyStarts.offer(this);
  }

  /** A call: the lane has ready tasks. */
  async called(laneSeq: number): Promise<void> {
    this.stockOf(laneSeq).mayHaveMore = true;
    this.passBy(laneSeq);
    await this.workLane(laneSeq);
  }

  /** A permit for a task that is about to be put, if nothing would go before it; and its call, which begins at once. */
  async reserve({ seq }: Lane, task: NewTask): Promise<EarlyStart | null> {
    const bench = this.benchOf(seq);
    const start = bench !== null && isFree(bench, this.hungry) ? await this.startIn(bench, task) : null;
    if (start === null) this.passBy(seq);
    return start;
  }

  passBy(laneSeq: number): void {
    this.stocks.get(laneSeq)?.noteWaiting(this.ports.clock.now());
  }

  private async startIn(bench: Bench, task: NewTask): Promise<EarlyStart | null> {
    const { lane, upstream, gate, stock } = bench;
    const { limiter, instance, clock } = this.ports;
    if ((await limiter.acquire(gate.key, lane.level, 1, gate.limits)) === 0) return null;
    if (this.benchOf(lane.seq) === null) {
      limiter.release(gate.key, 1, 1);
      return null;
    }
    const isNext = !stock.isLeasing && stock.seemsEmpty(clock.now());
    const early = isNext ? this.runner.beginEarly(lane, upstream, gate, task) : null;
    return {
      lease: { ownerSeq: instance.seq, isUntyped: isShared(lane) },
      settle: (outcome) => this.settle(bench, task, early, outcome),
    };
  }

  private settle(bench: Bench, task: NewTask, early: EarlyCall | null, outcome: PutOutcome | undefined): void {
    const { lane, upstream, gate, stock } = bench;
    const put = outcome?.kind === 'put' ? outcome : null;
    const leased = put?.leased ?? null;
    const isOwn = leased?.id === task.id;
    if (outcome === undefined) this.doubts.note();
    if (put === null || (early && !isOwn)) stock.noteSurprise(this.ports.clock.now());
    if (put && isOwn && !this.isStopping) {
      this.runner.start(lane, upstream, gate, [this.runner.known(leased, singleOf(task, put), task.body, early)]);
      return;
    }
    if (early) this.runner.giveUp(early, upstream);
    // The call was a request, whatever has become of its task.
    this.ports.limiter.release(gate.key, 1, early ? 0 : 1);
    if (leased === null) return;
    if (this.isStopping) this.runner.release(lane, [leased]);
    else this.startOther(bench, leased);
  }

  /** What was ahead of a task that was to be next. */
  private startOther({ lane, stock }: Bench, leased: LeasedTask): void {
    stock.mayHaveMore = true;
    stock.add(this.runner.load([leased]), this.ports.clock.now());
    this.workLane(lane.seq).catch((error: unknown) => this.leaseFailed(error));
  }

  /** From now on nothing is leased and nothing started. */
  stop(): void {
    this.isStopping = true;
    if (this.staleSweep) clearInterval(this.staleSweep);
  }

  /** Gives back all that has not started. */
  dropAll(): void {
    this.giveUpStocks({ all: true });
  }

  /** A task that has ended is not to be started any more. */
  dropTask(taskSeq: number): void {
    this.giveUpStocks({ taskSeq });
  }

  /** Starts what the permits allow, leasing as it goes, until the lane's work or the permits run out. */
  private async workLane(laneSeq: number): Promise<void> {
    for (let bench = this.benchOf(laneSeq); bench !== null; bench = this.benchOf(laneSeq)) {
      const { lane, gate, stock } = bench;
      if (stock.size === 0 && (!stock.mayHaveMore || stock.isLeasing)) return;
      const granted = await this.acquire(bench);
      if (granted === 0) {
        this.hungry.add(gate.key, lane.seq, lane.level);
        return;
      }
      if (!(await this.startAdmitted(bench, granted))) return;
    }
  }

  /** Not even asks where a lower level waits for a permit: what comes free is for that one. */
  private async acquire({ lane, gate }: Bench): Promise<number> {
    if (this.hungry.hasBelow(gate.key, lane.level)) return 0;
    return this.ports.limiter.acquire(gate.key, lane.level, MAX_SLICE, gate.limits);
  }

  /** Uses what the rate of the queue admits of the permits; false when that is nothing. */
  private async startAdmitted(bench: Bench, granted: number): Promise<boolean> {
    const { lane, gate } = bench;
    if (lane.queue.perMinute === null) {
      await this.startUpTo(bench, granted);
      return true;
    }
    const admitted = await this.rate.admit(lane, granted);
    if (admitted < granted) this.ports.limiter.release(gate.key, granted - admitted, granted - admitted);
    if (admitted === 0) {
      this.hungry.add(rateKeyOf(lane.queue), lane.seq, lane.level);
      return false;
    }
    let begun = 0;
    try {
      begun = await this.startUpTo(bench, admitted);
    } finally {
      this.rate.settle(lane, admitted, begun);
    }
    return true;
  }

  /** Uses `granted` permits on stocked and newly leased tasks, and gives back those that found no task; how many did. */
  private async startUpTo(bench: Bench, granted: number): Promise<number> {
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
    return granted - unused;
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
      const slice = await this.tasks.lease(
        { laneSeq: lane.seq, want, ownerSeq: this.ports.instance.seq, isUntyped: isShared(lane) },
        isAhead,
      );
      stock.add(this.runner.load(slice), this.ports.clock.now());
      if (slice.length === want) stock.mayHaveMore = true;
    } catch (error) {
      this.doubts.note();
      throw error;
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
      const fresh = new UpstreamGate(upstream, this.ports.limiter, this.ports.clock, this.telemetry);
      this.gates.set(key, (gate = fresh));
      this.ports.health.tell(upstream, () => fresh.condition);
    }
    gate.update(upstream);
    return gate;
  }
}

/** Whether a permit for this lane would be for its next task, and nothing but permits decides when that begins. */
function isFree({ lane, gate, stock }: Bench, hungry: HungryLanes): boolean {
  const { perMinute, maxConcurrency } = lane.queue;
  const isNext = stock.size === 0 && !hungry.hasBelow(gate.key, lane.level + 1);
  return isNext && perMinute === null && maxConcurrency === null;
}

/** Whether handlers work its queue off as well: tasks with a type are theirs. */
function isShared({ queue }: Lane): boolean {
  return queue.consumers.has('handler');
}

function singleOf(task: NewTask, { enqueuedAt }: PutTask): SingleTask {
  const { id, mode, type, endpoint, callbackUrl, blobKey: bodyBlobKey, traceId, ttlMs } = task;
  return { id, mode, type, endpoint, callbackUrl, bodyBlobKey, traceId, enqueuedAt, expiresAt: enqueuedAt + ttlMs };
}
