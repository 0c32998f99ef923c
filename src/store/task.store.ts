import { Injectable } from '@nestjs/common';
import { Clock } from '../kernel/clock.js';
import { sizeOfEvents } from '../kernel/progress-event.js';
import { Database } from './database.js';
import { finishTasks, leaseTasks, promoteTasks, rescueLeases, returnTasks } from './procedures/task.procedures.js';
import type {
  FinishedTask,
  FinishResult,
  LeasedTask,
  LeaseRequest,
  ReturnedTask,
  TypedLeaseRequest,
  TypedTask,
} from './procedures/task-shapes.js';
import { leaseTypedTasks } from './procedures/typed-lease.procedures.js';
import { statement } from './statement.js';

/** What waits in a lane and what runs. */
export interface LaneDepth {
  ready: number;
  scheduled: number;
  leased: number;
  /** When the task at the head was enqueued, or null when none is ready. */
  oldestReadyAt: number | null;
}

/** What one step of a rescue has done. */
export interface RescueStep {
  rescued: number;
  /** Batches that are done because of it. */
  doneBatchSeqs: number[];
  isMore: boolean;
}

/** One lease of one task. */
export interface Lease {
  seq: number;
  epoch: number;
}

/** What an instance has leased of a lane. */
export interface OwnedLeases {
  ownerSeq: number;
  laneSeq: number;
  leased: number;
}

const DEPTH = statement<{ laneSeq: number }, LaneDepth>('lane-depth');
const HAS_DUE = statement<{ now: number }, { seq: number }>('task-has-due');
const LOST = statement<{ items: string }, Lease>('task-lost');
const HAS_READY = statement<{ laneSeq: number }, { seq: number }>('lane-has-ready');
const OWNED_LEASES = statement<{ ownerSeqs: string }, OwnedLeases>('task-owned-leases');

/** Leases that are looked at in one statement. */
const LEASES_AT_ONCE = 500;
/** A sweep fills a group by itself. */
const SWEEP_WEIGHT = { rows: 500, bytes: 0 };

@Injectable()
export class TaskStore {
  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
  ) {}

  /** `isAhead`: for later; nothing waits for it yet. */
  lease(request: LeaseRequest, isAhead: boolean): Promise<LeasedTask[]> {
    return this.database.write(leaseTasks, request, {
      weight: { rows: request.want, bytes: 0 },
      isPatient: isAhead,
    });
  }

  leaseTyped(request: TypedLeaseRequest): Promise<TypedTask[]> {
    return this.database.write(leaseTypedTasks, request, { weight: { rows: request.limit, bytes: 0 } });
  }

  finish(task: FinishedTask): Promise<FinishResult> {
    return this.database.write(finishTasks, task, {
      weight: { rows: 1, bytes: (task.body?.length ?? 0) + sizeOfEvents(task.lastWords?.events ?? []) },
      isPatient: task.batchSeq !== null, // nobody waits for the line of a batch
    });
  }

  /** False when the lease was lost meanwhile. */
  giveBack(task: ReturnedTask): Promise<boolean> {
    return this.database.write(returnTasks, task, { isPatient: true });
  }

  /** Those of them that are over, however many there are. */
  async lostOf(leases: readonly Lease[]): Promise<Lease[]> {
    const lost: Lease[] = [];
    for (let at = 0; at < leases.length; at += LEASES_AT_ONCE) {
      const items = leases.slice(at, at + LEASES_AT_ONCE).map(({ seq, epoch }) => ({ seq, epoch }));
      lost.push(...(await this.database.all(LOST, { items: JSON.stringify(items) })));
    }
    return lost;
  }

  promote(): Promise<{ laneSeqs: number[]; isMore: boolean }> {
    return this.database.write(promoteTasks, null, { weight: SWEEP_WEIGHT });
  }

  /** Whether any scheduled task is due; spares the writer a sweep that would find nothing. */
  async hasDue(): Promise<boolean> {
    return (await this.database.all(HAS_DUE, { now: this.clock.now() })).length > 0;
  }

  /** Takes back leases of an instance that is dead, by default of all others; only for one that can prove it. */
  rescue(ownerSeq: number, deadSeq: number | null = null): Promise<RescueStep> {
    const rescue = { ownerSeq, deadSeq, leasedUntil: null, known: '[]' };
    return this.database.write(rescueLeases, rescue, { weight: SWEEP_WEIGHT });
  }

  /** Takes back what an instance has leased until then, but for the `known` rows, which it has or has had in hand. */
  rescueUnknown(deadSeq: number, leasedUntil: number, known: readonly number[]): Promise<RescueStep> {
    const rescue = { ownerSeq: null, deadSeq, leasedUntil, known: JSON.stringify(known) };
    return this.database.write(rescueLeases, rescue, { weight: SWEEP_WEIGHT });
  }

  /** What these instances have leased now. */
  ownedLeases(ownerSeqs: readonly number[]): Promise<OwnedLeases[]> {
    return this.database.all(OWNED_LEASES, { ownerSeqs: JSON.stringify(ownerSeqs) });
  }

  async laneDepth(laneSeq: number): Promise<LaneDepth> {
    const [depth] = await this.database.all(DEPTH, { laneSeq });
    return depth!;
  }

  async hasReady(laneSeq: number): Promise<boolean> {
    return (await this.database.all(HAS_READY, { laneSeq })).length > 0;
  }
}
