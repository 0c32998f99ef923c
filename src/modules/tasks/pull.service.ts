/** What workers do over HTTP: take, keep, answer for, give back. All of it is for queues of the worker's own tenant. */
import { Injectable } from '@nestjs/common';
import { AppConfig } from '../../config/app-config.js';
import { UNHELD, type Hold } from '../../kernel/byte-gate.js';
import { isOutage, MillraceError } from '../../kernel/errors.js';
import { EventBus } from '../../ports/event-bus.js';
import { Limiter } from '../../ports/limiter.js';
import type {
  Completion,
  Failure,
  HolderClaim,
  TakenLease,
  TakeRequest,
} from '../../store/procedures/single-shapes.js';
import { PullStore, type AskedLane, type HeldTask } from '../../store/pull.store.js';
import { SingleTaskStore } from '../../store/single-task.store.js';
import { rateKeyOf } from '../queues/queue.js';
import { QueuesService, type Lane } from '../queues/queues.service.js';
import { PullTools } from './pull-tools.js';
import { idOf, keyOf } from './task-reader.js';
import type {
  CompleteCall,
  FailCall,
  HandedTask,
  HolderVerdict,
  ProgressCall,
  TakeCall,
  WorkerView,
} from './task-requests.js';

/** Said to the limiter, which counts the rate of a queue here; tasks at the same time are counted by the store. */
const ANY_NUMBER = Number.MAX_SAFE_INTEGER;

@Injectable()
export class PullService {
  constructor(
    private readonly store: PullStore,
    private readonly tasks: SingleTaskStore,
    private readonly queues: QueuesService,
    private readonly limiter: Limiter,
    private readonly events: EventBus,
    private readonly config: AppConfig,
    private readonly tools: PullTools,
  ) {}

  /**
   * The tasks that this worker has now. Waits as long as the call says for a first one; `signal` ends the wait of a worker
   * who has gone away, and `recheck` rejects for one who may not have any task now; `hold`: of the answer. Refuses with
   * `queue_not_found`, `invalid_value` and `overloaded`.
   */
  async take(
    call: TakeCall,
    {
      signal,
      hold = UNHELD,
      recheck,
    }: { signal?: AbortSignal | undefined; hold?: Hold; recheck?: () => Promise<void> } = {},
  ): Promise<HandedTask[]> {
    const lanes = await this.lanesOf(call);
    const request = this.requestOf(call, lanes);
    if (call.waitMs <= 0) return this.takeNow(request, lanes, hold);
    const { waiters } = this.tools;
    const ticket = waiters.join(request, call.waitMs);
    const leave = () => waiters.leave(ticket);
    signal?.addEventListener('abort', leave, { once: true });
    try {
      for (;;) {
        if (signal?.aborted) return [];
        const handed = await this.takeNow(request, lanes, hold);
        if (handed.length > 0) {
          ticket.took(seqsOf(lanes, handed));
          return handed;
        }
        waiters.tookNothing(ticket);
        if (!(await ticket.woken())) return [];
        await recheck?.();
      }
    } finally {
      signal?.removeEventListener('abort', leave);
      leave();
    }
  }

  /** A verdict for each, in their order. */
  async complete(tenantSeq: number, calls: readonly CompleteCall[]): Promise<HolderVerdict[]> {
    const completions = await Promise.all(
      calls.map(async ({ taskId, epoch, statusCode, requestId, usage, body: text }): Promise<Completion> => {
        const { body, blobKey } = await this.tools.spill.keep(text);
        // Written out: spreads make objects several times as large, and these come by the hundred.
        return { key: keyOf(taskId), tenantSeq, epoch, statusCode, requestId, usage, body, blobKey };
      }),
    );
    const { outcomes, aftermath } = await this.store.complete(completions);
    this.tools.notices.after(aftermath);
    return outcomes;
  }

  async fail(tenantSeq: number, calls: readonly FailCall[]): Promise<HolderVerdict[]> {
    const failures = calls.map(({ taskId, ...call }): Failure => {
      return { ...call, key: keyOf(taskId), tenantSeq, defaultMaxTries: this.config.limits.maxTries };
    });
    const { outcomes, aftermath } = await this.store.fail(failures);
    this.tools.notices.after(aftermath);
    return outcomes;
  }

  /** Gives tasks back untouched: no try. */
  async release(tenantSeq: number, calls: readonly Held[]): Promise<HolderVerdict[]> {
    return this.putBack(calls.map((call) => claimOf(tenantSeq, call)));
  }

  private async putBack(claims: HolderClaim[]): Promise<HolderVerdict[]> {
    const { outcomes, aftermath } = await this.store.release(claims);
    this.tools.notices.after(aftermath);
    return outcomes;
  }

  /**
   * Keeps leases, for as long as they were given or for `extendMs` from now on. Anything but `done` tells the worker to stop
   * that task.
   */
  heartbeat(
    tenantSeq: number,
    calls: readonly Held[],
    worker: TakeCall['worker'],
    extendMs: number | null = null,
  ): Promise<HolderVerdict[]> {
    return this.store.heartbeat({
      extendMs,
      claims: calls.map((call) => claimOf(tenantSeq, call)),
      worker: worker === null ? null : { ...worker, tenantSeq },
    });
  }

  /** Stores what a task says and passes it on to whoever listens. */
  async progress(tenantSeq: number, call: ProgressCall): Promise<HolderVerdict> {
    const { taskId, events, firstN } = call;
    const outcome = await this.tasks.appendEvents({ ...claimOf(tenantSeq, call), events, firstN, laneSeq: null });
    const { verdict, lastN } = outcome;
    if (verdict === 'done' && lastN !== null) this.events.publish('task.progress', { taskId, lastN, events });
    return verdict;
  }

  /** Who pulls for this tenant, who was here last first, with what each asks for and what it holds. */
  async workers(tenantSeq: number): Promise<WorkerView[]> {
    const [workers, held] = await Promise.all([this.store.workers(tenantSeq), this.store.heldByWorkers(tenantSeq)]);
    return workers.map(({ seq, name, capacity, lastSeenAt, asked }) => ({
      name,
      capacity,
      lastSeenAt,
      asked: this.lanesAsked(asked),
      held: held.filter(({ workerSeq }) => workerSeq === seq).map(({ workerSeq: _, ...lane }) => lane),
    }));
  }

  /** Without those that are gone. */
  private lanesAsked(asked: readonly AskedLane[]): WorkerView['asked'] {
    return asked.flatMap(({ laneSeq, isRecent }) => {
      const lane = this.queues.laneBySeq(laneSeq);
      return lane ? [{ queueName: lane.queue.name, level: lane.level, isRecent }] : [];
    });
  }

  private async lanesOf({ tenantSeq, lanes }: TakeCall): Promise<Lane[]> {
    const found: Lane[] = [];
    for (const { queueName, level } of lanes) {
      const queue = this.queues.named(tenantSeq, queueName);
      if (!queue || queue.tenantSeq !== tenantSeq) {
        throw new MillraceError('queue_not_found', `You have no queue named '${queueName}'.`, { param: 'queues' });
      }
      if (!queue.consumers.has('pull')) {
        const text = `The queue '${queueName}' gives its tasks to no workers: add 'pull' to its consumers.`;
        throw new MillraceError('invalid_value', text, { param: 'queues' });
      }
      found.push(await this.queues.lane(queue, level));
    }
    return found;
  }

  private requestOf(call: TakeCall, lanes: readonly Lane[]): TakeRequest {
    const { strategy, size, minAgeMs, leaseMs, leaseEnd, leaseRetries, worker, tenantSeq } = call;
    return {
      strategy,
      size,
      minAgeMs,
      leaseMs,
      leaseEnd,
      leaseRetries,
      allowances: [],
      laneSeqs: lanes.map(({ seq }) => seq),
      worker: worker === null ? null : { ...worker, tenantSeq },
    };
  }

  private async takeNow(request: TakeRequest, lanes: readonly Lane[], hold: Hold): Promise<HandedTask[]> {
    const rated = new Map(lanes.flatMap(({ queue }) => (queue.perMinute === null ? [] : [[queue.seq, queue]])));
    if (rated.size === 0) return this.hand(await this.store.take(request), lanes, hold);
    const allowances: TakeRequest['allowances'] = [];
    let handed: HandedTask[] = [];
    try {
      for (const queue of rated.values()) {
        const want = Math.max(request.size, lanes.length);
        const limits = { concurrency: ANY_NUMBER, perMinute: queue.perMinute };
        const count = await this.limiter.acquire(rateKeyOf(queue), 0, want, limits);
        allowances.push({ queueSeq: queue.seq, count });
      }
      handed = await this.hand(await this.store.take({ ...request, allowances }), lanes, hold);
      return handed;
    } finally {
      for (const { queueSeq, count } of allowances) {
        const used = handed.filter((task) => rated.get(queueSeq)!.name === task.queueName).length;
        this.limiter.release(rateKeyOf({ seq: queueSeq }), count, count - used);
      }
    }
  }

  /**
   * The leased tasks with their bodies. One that ended since is left out; one whose body cannot be read has failed; one whose
   * body cannot be reached just now, or has no room in the answer, goes back to its place. Rejects with that outage when it
   * leaves none, and as `hold` does.
   */
  private async hand(leases: readonly TakenLease[], lanes: readonly Lane[], hold: Hold): Promise<HandedTask[]> {
    if (leases.length === 0) return [];
    const { reader } = this.tools;
    const all = await this.store.held(leases);
    const count = reader.countThatFits(all);
    const held = all.slice(0, count);
    const claimed = (task: HeldTask) => {
      const { queue } = lanes.find(({ seq }) => seq === task.laneSeq)!;
      return claimOf(queue.tenantSeq, { taskId: idOf(task), epoch: task.epoch });
    };
    // Before the others are read: somebody else may take them meanwhile.
    if (count < all.length) await this.putBack(all.slice(count).map(claimed));
    const bodies = await reader.bodiesOf(held, hold).catch(async (error: unknown) => {
      await this.putBack(held.map(claimed));
      throw error;
    });
    const handed: HandedTask[] = [];
    const unreadable: Failure[] = [];
    const outOfReach: HolderClaim[] = [];
    let outage: MillraceError | null = null;
    for (const task of held) {
      const lane = lanes.find(({ seq }) => seq === task.laneSeq)!;
      const body = bodies.get(task.seq);
      if (typeof body === 'string') {
        handed.push(handedTask(task, lane, body));
        continue;
      }
      const claim = claimed(task);
      if (isOutage(body)) {
        outage = body;
        outOfReach.push(claim);
      } else {
        unreadable.push({ ...claim, ...UNREADABLE });
      }
    }
    if (unreadable.length > 0) this.tools.notices.after((await this.store.fail(unreadable)).aftermath);
    if (outOfReach.length > 0) await this.putBack(outOfReach);
    if (outage !== null && handed.length === 0) throw outage;
    return handed;
  }
}

const UNREADABLE = {
  code: 'input_unreadable',
  message: 'The body of this task could not be read.',
  retryAfterMs: null,
  isFinal: true,
  defaultMaxTries: 1,
};

/** Written out: a spread would make each of them, and they come by the hundred, several times as large. */
function handedTask(task: HeldTask, { queue, level }: Lane, body: string): HandedTask {
  const { batchId, customId, type, endpoint, keyId, callbackUrl, tries, enqueuedAt, expiresAt, leaseUntil, epoch } =
    task;
  return {
    id: idOf(task),
    batchId,
    customId,
    queueName: queue.name,
    level,
    type,
    endpoint,
    keyId,
    callbackUrl,
    tries,
    enqueuedAt,
    expiresAt,
    leaseUntil,
    epoch,
    mode: task.mode as HandedTask['mode'],
    state: 'leased',
    traceId: task.traceId,
    body,
  };
}

/** The lanes that these tasks come from. */
function seqsOf(lanes: readonly Lane[], handed: readonly HandedTask[]): number[] {
  const names = new Set(handed.map(({ queueName, level }) => `${queueName}:${level}`));
  return lanes.filter(({ queue, level }) => names.has(`${queue.name}:${level}`)).map(({ seq }) => seq);
}

interface Held {
  taskId: string;
  epoch: number | null;
}

function claimOf(tenantSeq: number, { taskId, epoch }: Held): HolderClaim {
  return { key: keyOf(taskId), epoch, tenantSeq };
}
