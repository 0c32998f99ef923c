/**
 * In: calls ("this lane has ready tasks"). Out: leased tasks, each started in the handler of its type.
 *
 * Invariant: a task is leased only for a place that is free among those that its handler may run at the same time. A lane
 * that found none is remembered as hungry and served, lowest level first, when a place comes free.
 */
import { Injectable } from '@nestjs/common';
import { HandlerRegistry } from '../../../modules/handlers/handler-registry.js';
import { QueuesService, type Lane } from '../../../modules/queues/queues.service.js';
import type { TypedShare, TypedTask } from '../../../store/procedures/task-shapes.js';
import { TaskStore } from '../../../store/task.store.js';
import { DispatchPorts } from '../dispatch-ports.js';
import { DispatchTelemetry } from '../dispatch-telemetry.js';
import { HungryLanes } from '../hungry-lanes.js';
import { LeaseDoubts } from '../lease-doubts.js';
import { QueueRate } from '../queue-rate.js';
import { HandlerRunner } from './handler-runner.js';

/** Tasks of one type leased in one transaction at most. */
const MAX_SHARE = 100;

@Injectable()
export class HandlerDispatcher {
  /** Places in use, by type. */
  private readonly taken = new Map<string, number>();
  private readonly hungry = new HungryLanes();
  private readonly rate: QueueRate;
  /** Lanes that are being looked at. */
  private readonly working = new Set<number>();
  /** Of those, the ones that must be looked at once more. */
  private readonly again = new Set<number>();
  private isStopping = false;

  constructor(
    private readonly ports: DispatchPorts,
    private readonly registry: HandlerRegistry,
    private readonly queues: QueuesService,
    private readonly tasks: TaskStore,
    private readonly runner: HandlerRunner,
    private readonly telemetry: DispatchTelemetry,
    private readonly doubts: LeaseDoubts,
  ) {
    this.rate = new QueueRate(ports.limiter);
  }

  stop(): void {
    this.isStopping = true;
  }

  /**
   * Leases and starts what the free places allow, until the lane's work or the places run out. A lane that is looked at
   * already is looked at once more afterwards: two looks at a time would find the places of each other taken, give them back
   * unused, and wake each other by that for ever.
   */
  async workLane(laneSeq: number): Promise<void> {
    if (this.working.has(laneSeq)) {
      this.again.add(laneSeq);
      return;
    }
    this.working.add(laneSeq);
    try {
      for (let isMore = true; isMore;) {
        this.again.delete(laneSeq);
        const lane = this.queues.laneBySeq(laneSeq);
        if (this.isStopping || !lane?.queue.consumers.has('handler') || lane.queue.isPaused) return;
        isMore = (await this.lease(lane)) || this.again.has(laneSeq);
      }
    } finally {
      this.working.delete(laneSeq);
    }
  }

  /** True when the lane may have more for places that are free. */
  private async lease(lane: Lane): Promise<boolean> {
    const shares = this.reserve(lane);
    if (shares.length === 0) return false;
    const wanted = shares.reduce((sum, { want }) => sum + want, 0);
    let begun: TypedTask[] = [];
    let admitted = 0;
    try {
      admitted = await this.rate.admit(lane, wanted);
      if (admitted > 0) {
        // Which types the lane has work of, and in which order, only the store knows.
        const { seq: ownerSeq } = this.ports.instance;
        begun = await this.tasks.leaseTyped({ laneSeq: lane.seq, ownerSeq, shares, limit: admitted });
      }
    } catch (error) {
      this.doubts.note();
      throw error;
    } finally {
      this.rate.settle(lane, admitted, begun.length);
      for (const { type, want } of shares) this.free(type, want - countOf(begun, type));
    }
    for (const task of begun) this.start(lane, task);
    return shares.some(({ type, want }) => countOf(begun, type) === want);
  }

  /** Takes the free places of every type, except where a lower level waits for them. */
  private reserve(lane: Lane): TypedShare[] {
    const shares: TypedShare[] = [];
    for (const { type, concurrency } of this.registry.handlers.values()) {
      const inUse = this.taken.get(type) ?? 0;
      const want = Math.min(concurrency - inUse, MAX_SHARE);
      if (want <= 0 || this.hungry.hasBelow(type, lane.level)) {
        this.hungry.add(type, lane.seq, lane.level);
      } else {
        this.taken.set(type, inUse + want);
        shares.push({ type, want });
      }
    }
    return shares;
  }

  private start(lane: Lane, task: TypedTask): void {
    const handler = this.registry.handlers.get(task.type)!;
    this.runner.start(lane, handler, task, () => this.free(task.type, 1));
  }

  /** Gives places back, and serves those who wait for them, in the next turn: by then all that come free now are. */
  private free(type: string, count: number): void {
    if (count === 0) return;
    this.taken.set(type, (this.taken.get(type) ?? 0) - count);
    setImmediate(() => {
      for (const laneSeq of this.hungry.takeAll(type)) {
        this.workLane(laneSeq).catch((error: unknown) =>
          this.telemetry.failed(error, 'tasks could not be leased; the call sweep comes back to them'),
        );
      }
    });
  }
}

function countOf(tasks: readonly TypedTask[], type: string): number {
  return tasks.reduce((count, task) => count + (task.type === type ? 1 : 0), 0);
}
