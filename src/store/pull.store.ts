/** What workers do over HTTP, and the sweeps that look after their leases. */
import { Injectable } from '@nestjs/common';
import { Clock } from '../kernel/clock.js';
import { Database } from './database.js';
import { WorkerRow } from './entities/worker.entity.js';
import { completeTasks } from './procedures/complete.procedures.js';
import {
  endOverdueLeases,
  failTasks,
  releaseTasks,
  renewLeases,
  type HeartbeatRequest,
} from './procedures/lease.procedures.js';
import { cancelCleared, clearLane, expireTasks } from './procedures/stop.procedures.js';
import type {
  Aftermath,
  Completion,
  Failure,
  HolderClaim,
  HolderVerdict,
  Outcomes,
  TakenLease,
  TakeRequest,
} from './procedures/single-shapes.js';
import { takeTasks } from './procedures/take.procedures.js';
import { ASKED_MS, askedIn, FIND_WORKER, isNews } from './procedures/workers.js';
import type { StoredTask } from './single-task.store.js';
import { statement } from './statement.js';

export interface StoredWorker extends Omit<WorkerRow, 'lanes'> {
  asked: AskedLane[];
}

/** A lane that a worker wanted tasks of. */
export interface AskedLane {
  laneSeq: number;
  /** Whether it was so short a time ago that the worker is likely to want some more. */
  isRecent: boolean;
}

export interface HeldByWorker {
  workerSeq: number;
  queueName: string;
  level: number;
  count: number;
  oldestLeasedAt: number;
  nextLeaseEnd: number | null;
}

/** A leased task as its worker sees it, but for what its lane says. */
export type HeldTask = Omit<
  StoredTask,
  | 'state'
  | 'losses'
  | 'tenantSeq'
  | 'queueSeq'
  | 'queueName'
  | 'level'
  | 'availableAt'
  | 'leasedAt'
  | 'endedAt'
  | 'statusCode'
  | 'resultSeq'
  | 'requestId'
  | 'resultBody'
  | 'resultBlobKey'
  | 'errorCode'
  | 'errorMessage'
>;

export interface SweepStep {
  aftermath: Aftermath;
  isMore: boolean;
}

const HAS_OVERDUE = statement<{ now: number }, { seq: number }>('task-has-overdue');
const HAS_EXPIRED = statement<{ now: number }, { seq: number }>('task-has-expired');
const UNCLEARED = statement<Record<string, never>, { laneSeq: number }>('lane-uncleared');
const WITH_READY = statement<{ laneSeqs: string }, { laneSeq: number }>('lanes-with-ready');
const HELD_TASKS = statement<{ seqs: string }, HeldTask>('task-held');
const HELD = statement<{ tenantSeq: number }, HeldByWorker>('worker-held');

/** A sweep fills a group by itself. */
const SWEEP_WEIGHT = { rows: 500, bytes: 0 };
const MAX_WORKERS = 500;

@Injectable()
export class PullStore {
  /** Lanes of which the last take from this process got nothing. */
  private readonly emptyLanes = new Set<number>();

  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
  ) {}

  /** A write, but for who asks again and again for nothing. */
  async take(request: TakeRequest): Promise<TakenLease[]> {
    const { laneSeqs, size } = request;
    // Only where there was nothing before: a look costs those who do get something more than it spares.
    const isLikelyIdle = laneSeqs.every((laneSeq) => this.emptyLanes.has(laneSeq));
    if (isLikelyIdle && (await this.isIdle(request))) return [];
    const leases = await this.database.write(takeTasks, request, { weight: { rows: size, bytes: 0 } });
    for (const laneSeq of laneSeqs) {
      if (leases.length === 0) this.emptyLanes.add(laneSeq);
      else this.emptyLanes.delete(laneSeq);
    }
    return leases;
  }

  /** Whether nothing waits there, and there is no news of the worker to be noted. */
  private async isIdle({ laneSeqs, worker }: TakeRequest): Promise<boolean> {
    if ((await this.lanesWithReady(laneSeqs)).length > 0) return false;
    if (worker === null) return true;
    const { tenantSeq, name } = worker;
    const [known] = await this.database.all(FIND_WORKER, { tenantSeq, name });
    return known !== undefined && !isNews(known, laneSeqs, this.clock.now());
  }

  /** Those of them that are still leased, in their order. At most 500 at a time. */
  async held(leases: readonly TakenLease[]): Promise<HeldTask[]> {
    const seqs = JSON.stringify(leases.map(({ seq }) => seq));
    const bySeq = new Map((await this.database.all(HELD_TASKS, { seqs })).map((task) => [task.seq, task]));
    return leases.flatMap(({ seq, epoch }) => {
      const task = bySeq.get(seq);
      return task?.epoch === epoch ? task : [];
    });
  }

  complete(completions: Completion[]): Promise<Outcomes<HolderVerdict>> {
    const bytes = completions.reduce((sum, { body }) => sum + (body?.length ?? 0), 0);
    return this.database.write(completeTasks, completions, { weight: { rows: completions.length, bytes } });
  }

  fail(failures: Failure[]): Promise<Outcomes<HolderVerdict>> {
    return this.database.write(failTasks, failures, { weight: { rows: failures.length, bytes: 0 } });
  }

  release(claims: HolderClaim[]): Promise<Outcomes<HolderVerdict>> {
    return this.database.write(releaseTasks, claims, { weight: { rows: claims.length, bytes: 0 } });
  }

  heartbeat(request: HeartbeatRequest): Promise<HolderVerdict[]> {
    return this.database.write(renewLeases, request, { weight: { rows: request.claims.length, bytes: 0 } });
  }

  /** Whether any lease has run out; spares the writer a sweep that would find nothing. */
  async hasOverdue(): Promise<boolean> {
    return (await this.database.all(HAS_OVERDUE, { now: this.clock.now() })).length > 0;
  }

  /** `defaultMaxTries`: for queues that say nothing of their own. */
  endOverdue(defaultMaxTries: number): Promise<SweepStep> {
    return this.database.write(endOverdueLeases, { defaultMaxTries }, { weight: SWEEP_WEIGHT });
  }

  async hasExpired(): Promise<boolean> {
    return (await this.database.all(HAS_EXPIRED, { now: this.clock.now() })).length > 0;
  }

  expire(): Promise<SweepStep> {
    return this.database.write(expireTasks, null, { weight: SWEEP_WEIGHT });
  }

  /** Nothing that waits in the lane is given out from now on; `cancelCleared` ends it, step by step. */
  clear(laneSeq: number, by: string): Promise<void> {
    return this.database.write(clearLane, { laneSeq, by });
  }

  cancelCleared(laneSeq: number): Promise<SweepStep & { cancelled: number }> {
    return this.database.write(cancelCleared, { laneSeq }, { weight: SWEEP_WEIGHT });
  }

  /** Lanes with ready tasks in their cleared part. */
  async unclearedLanes(): Promise<number[]> {
    return (await this.database.all(UNCLEARED, {})).map(({ laneSeq }) => laneSeq);
  }

  /** Which of these lanes have anything to lease. */
  async lanesWithReady(laneSeqs: readonly number[]): Promise<number[]> {
    const rows = await this.database.all(WITH_READY, { laneSeqs: JSON.stringify(laneSeqs) });
    return rows.map(({ laneSeq }) => laneSeq);
  }

  /** The tenant's workers, who was here last first. */
  async workers(tenantSeq: number): Promise<StoredWorker[]> {
    const order = { lastSeenAt: 'desc', seq: 'asc' } as const;
    const rows = await this.database.reader.find(WorkerRow, { where: { tenantSeq }, order, take: MAX_WORKERS });
    const recentFrom = this.clock.now() - ASKED_MS;
    return rows.map(({ lanes, ...worker }) => ({
      ...worker,
      asked: Object.entries(askedIn(lanes)).map(([seq, at]) => ({ laneSeq: Number(seq), isRecent: at >= recentFrom })),
    }));
  }

  heldByWorkers(tenantSeq: number): Promise<HeldByWorker[]> {
    return this.database.all(HELD, { tenantSeq });
  }
}
