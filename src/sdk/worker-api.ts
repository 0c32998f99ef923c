/** What workers say to the server, one method a path. For those who want another loop than `Worker`. */
import type { Connection } from './connection.js';
import { leasedTaskOf, type LeasedTask, type WireTask } from './task.js';

export interface TakeRequest {
  /** Lanes as `queue:level`. */
  queues: readonly string[];
  /** At most so many tasks. */
  size: number;
  strategy: PullStrategy;
  /** How long an empty answer is held back in hope of a task, at most 60,000 ms. */
  waitMs: number;
  /** How long the lease lasts without a heartbeat. */
  leaseMs: number;
  leaseEnd: LeaseEnd;
  /** Only tasks that came in at least so long ago. */
  minAgeMs: number;
  worker: WorkerIdentity;
}

/**
 *   active_passive  all of the first lane, then of the second …
 *   fifo            the oldest over all lanes
 *   round_robin     one from each lane in turn
 *   sequential      at most one of each lane at a time, among all workers that say so
 */
export type PullStrategy = 'active_passive' | 'fifo' | 'round_robin' | 'sequential';

/** When a lease runs out: tried again by the queue's policy, failed, expired, or completed with status 408. */
export type LeaseEnd = 'retry' | 'fail' | 'expire' | 'complete';

export interface WorkerIdentity {
  /** Shown to operators. */
  id: string;
  capacity: number;
}

export interface LeaseClaim {
  taskId: string;
  token: string;
}

/** `body` is JSON text. */
export interface Completion extends LeaseClaim {
  statusCode: number;
  body: string;
}

/** `stale`: the lease was lost, and nothing was recorded. `ignored`: it had ended before. */
export type CompletionOutcome = 'recorded' | 'ignored' | 'stale' | 'unknown';

export interface Failure extends LeaseClaim {
  code: string;
  message: string;
  /** Null: as the queue's retry policy says. */
  retryAfterMs: number | null;
  isRetryable: boolean;
}

export interface Progress {
  id: string | null;
  name: string | null;
  data: unknown;
}

/** The server answers an empty take when the wait is over; this is for the way back. */
const TAKE_SLACK_MS = 15_000;
/** Whoever keeps leases must not wait long for one answer. */
const HEARTBEAT_TIMEOUT_MS = 10_000;
const MAX_TAKE = 500;

export class WorkerApi {
  constructor(private readonly connection: Connection) {}

  /** Tasks, in no more than `size`; none when there was nothing within the wait. */
  async take(request: TakeRequest, signal?: AbortSignal): Promise<LeasedTask[]> {
    const { queues, strategy, waitMs, leaseMs, leaseEnd, minAgeMs, worker } = request;
    const size = Math.min(request.size, MAX_TAKE);
    const byLane = await this.connection.ask<Record<string, WireTask[]>>('POST', '/v1/queue/take', {
      body: {
        queues,
        size,
        strategy,
        worker,
        fifo_max: size,
        wait_seconds: Math.round(waitMs / 1000),
        process_timeout: Math.ceil(leaseMs / 1000),
        lease_end: leaseEnd,
        min_age_seconds: Math.round(minAgeMs / 1000),
      },
      signal,
      timeoutMs: waitMs + TAKE_SLACK_MS,
    });
    return Object.values(byLane).flatMap((tasks) => tasks.map((task) => leasedTaskOf(task)));
  }

  /** An outcome for each, in their order. */
  async complete(completions: readonly Completion[]): Promise<CompletionOutcome[]> {
    const items = completions.map(({ taskId, token, statusCode, body }) => {
      const claim = `"task_id":${JSON.stringify(taskId)},"lease_token":${JSON.stringify(token)}`;
      return `{${claim},"result":{"status_code":${statusCode},"body":${body}}}`;
    });
    const { results } = await this.connection.ask<{ results: { outcome: CompletionOutcome }[] }>(
      'POST',
      '/v1/queue/complete',
      { body: `{"completions":[${items.join(',')}]}` },
    );
    return results.map(({ outcome }) => outcome);
  }

  /** Rejects with status 409 when the lease was lost. */
  async fail({ taskId, token, code, message, retryAfterMs, isRetryable }: Failure): Promise<void> {
    await this.connection.ask('POST', `/v1/queue/${encodeURIComponent(taskId)}/fail`, {
      body: {
        lease_token: token,
        error: { code, message },
        retryable: isRetryable,
        ...(retryAfterMs === null ? {} : { retry_after: Math.ceil(retryAfterMs / 1000) }),
      },
    });
  }

  /** Gives it back untouched: no try. Rejects with status 409 when the lease was lost. */
  async release({ taskId, token }: LeaseClaim): Promise<void> {
    const path = `/v1/queue/${encodeURIComponent(taskId)}/release`;
    await this.connection.ask('POST', path, { body: { lease_token: token } });
  }

  /** Each becomes an event of the task's stream. Rejects with status 409 when the lease was lost. */
  async progress({ taskId, token }: LeaseClaim, events: readonly Progress[]): Promise<void> {
    await this.connection.ask('POST', `/v1/queue/${encodeURIComponent(taskId)}/progress`, {
      body: {
        lease_token: token,
        events: events.map(({ id, name, data }) => ({
          ...(id === null ? {} : { event_id: id }),
          ...(name === null ? {} : { event_name: name }),
          event_data: data,
        })),
      },
    });
  }

  /** Moves the ends of leases on by their length; resolves with the ids of tasks whose lease is gone. */
  async heartbeat(worker: WorkerIdentity, leases: readonly LeaseClaim[]): Promise<string[]> {
    const body = { worker, leases: leases.map(({ taskId, token }) => ({ task_id: taskId, lease_token: token })) };
    const { gone } = await this.connection.ask<{ gone: string[] }>('POST', '/v1/queue/heartbeat', {
      body,
      timeoutMs: HEARTBEAT_TIMEOUT_MS,
    });
    return gone;
  }
}
