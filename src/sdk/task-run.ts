/** One task in the hands of the handler, from its start to what is reported of it. */
import type { Lease } from './lease.js';
import { ProgressSender } from './progress-sender.js';
import type { Report } from './report-sender.js';
import type { LeasedTask } from './task.js';
import type { WorkerApi } from './worker-api.js';
import { GiveUp, RetryLater, WorkerStopping } from './worker-errors.js';

/** Works on one task. What it returns is the body of the answer; an `Answer` has a status besides. */
export type Handler<Data = unknown> = (task: LeasedTask<Data>, context: TaskContext) => unknown;

/** What a handler has besides its task. */
export interface TaskContext {
  /**
   * Fires when nobody wants the answer any more (the task was cancelled or expired, the lease was lost), or when the worker
   * cannot wait for it while it stops. Give it to `fetch` and the like.
   */
  signal: AbortSignal;
  /**
   * Sends an event to whoever listens to the task, in order; `data` is anything that is JSON. Need not be waited for. An
   * event whose acknowledgement got lost is sent again, so an `id` helps its readers. After the first event the task is not
   * given to another worker, should this one be lost.
   */
  progress: (data: unknown, options?: { id?: string; name?: string }) => Promise<void>;
}

/** An answer with a status of its own, such as the 4xx of a model. Its callers get both. */
export class Answer {
  constructor(
    readonly statusCode: number,
    readonly body: unknown,
  ) {}
}

const MAX_MESSAGE = 8000;

export class TaskRun {
  private released = false;

  constructor(
    readonly lease: Lease,
    private readonly api: Pick<WorkerApi, 'progress'>,
  ) {}

  /** What to report; null when nobody wants to know. */
  async report(handler: Handler): Promise<Report | null> {
    const { lease } = this;
    let report: Report;
    try {
      report = await this.work(handler);
    } catch (error) {
      report = { kind: 'failed', lease, ...failureOf(error) };
    }
    return this.released || lease.isLost ? null : report;
  }

  /** Asks the handler to stop, and gives the task back whatever the handler makes of that. */
  release(): Report {
    this.released = true;
    this.lease.interrupt(new WorkerStopping(this.lease.taskId));
    return { kind: 'released', lease: this.lease };
  }

  private async work(handler: Handler): Promise<Report> {
    const { lease } = this;
    const progress = new ProgressSender(this.api, lease);
    const value = await handler(lease.task, {
      signal: lease.signal,
      progress: (data, { id = null, name = null }: { id?: string | null; name?: string | null } = {}) =>
        progress.add({ id, name, data: data ?? null }),
    });
    await progress.flushed();
    const { statusCode, body } = value instanceof Answer ? value : new Answer(200, value);
    return { kind: 'completed', lease, statusCode, body: jsonOf(body) };
  }
}

/** What cannot be written as JSON, such as a BigInt or a circle, cannot be the next time either. */
function jsonOf(answer: unknown): string {
  try {
    return JSON.stringify(answer) ?? 'null';
  } catch (error) {
    throw new GiveUp(`The answer cannot be written as JSON: ${String(error)}`, {
      code: 'invalid_answer',
      cause: error,
    });
  }
}

function failureOf(error: unknown) {
  const said = error instanceof Error ? error.message : String(error);
  // As the server takes it.
  const message = said.slice(0, MAX_MESSAGE).replaceAll('\0', '').toWellFormed();
  const code = error instanceof RetryLater || error instanceof GiveUp ? error.code : 'handler_error';
  return {
    code,
    message,
    retryAfterMs: error instanceof RetryLater ? error.afterMs : null,
    isRetryable: !(error instanceof GiveUp),
  };
}
