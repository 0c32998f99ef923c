/**
 * Hands in tasks and gets their answers.
 *
 *   const millrace = new MillraceClient({ url: 'http://127.0.0.1:8080', key });
 *   const { body } = await millrace.call({ queue: 'gpu', endpoint: '/v1/embeddings', data: { input: 'Hello' } });
 */
import { ApiError } from './api-error.js';
import { backoffMs, pause } from './backoff.js';
import { Connection, refusal, type CallOptions, type ConnectionOptions } from './connection.js';
import { QueuesClient } from './queues-client.js';
import { TaskStream } from './task-stream.js';
import { taskOf, type Task, type TaskState, type WireTask } from './task.js';

export interface NewTask {
  /** What is to be done. A model's request, or whatever the queue's workers understand. */
  data: object;
  /** Found by the endpoint and `data.model` unless it is named. */
  queue?: string;
  /** What it is for: the path at the model's server, such as `/v1/chat/completions`. Needed unless there is a `type`. */
  endpoint?: string;
  /** For a queue with handlers: which of them. */
  type?: string;
  /** 0 (the default) is served first, 9 last. */
  level?: number;
  /** How long it may take in all: 5 minutes unless said, and at most 10, for who waits for it; else a day. */
  timeoutMs?: number;
  /** Not to be started before so many ms are over. */
  delayMs?: number;
  /** Not to be started before this instant, epoch ms. */
  notBefore?: number;
  /** Where the result is sent, signed; see `verifyCallback`. For `put` and `putMany`. */
  callbackUrl?: string;
  traceId?: string;
}

export interface PutOptions {
  /** Makes the same task, or tasks, once, however often it is sent; made up unless given, for tries again. Kept for 24 hours, that of a single task no longer than the task. */
  idempotencyKey?: string;
  signal?: AbortSignal;
}

/** The answer of a model or worker, whatever its status. */
export interface CallAnswer<Body = unknown> {
  taskId: string;
  statusCode: number;
  body: Body;
}

export interface TaskFilter {
  queue?: string;
  state?: TaskState;
  /** Lines of this batch; single tasks unless given. */
  batch?: string;
  /** Epoch ms. */
  createdAfter?: number;
  createdBefore?: number;
}

interface WirePage {
  data: WireTask[];
  has_more: boolean;
  last_id?: string | null;
}

const PAGE = 100;
const CALL_MS = 300_000;
/** What the server needs beyond the task's own time. */
const CALL_SLACK_MS = 8_000;

export class MillraceClient {
  readonly queues: QueuesClient;
  private readonly connection: Connection;

  constructor(options: ConnectionOptions) {
    this.connection = new Connection(options);
    this.queues = new QueuesClient(this.connection);
  }

  /** Resolves with the id when the task is stored for good. It is sent again while the server is away. */
  async put(task: NewTask, { idempotencyKey = crypto.randomUUID(), signal }: PutOptions = {}): Promise<string> {
    const { data } = await this.connection.askAgain<{ data: string }>('POST', '/v1/queue/put', {
      body: bodyOf(task, 'callback'),
      headers: { 'idempotency-key': idempotencyKey },
      signal,
    });
    return data;
  }

  /** Up to 1,000 tasks in one request: the id of each, or why it was refused, in their order. */
  async putMany(
    tasks: readonly NewTask[],
    { idempotencyKey = crypto.randomUUID(), signal }: PutOptions = {},
  ): Promise<(string | ApiError)[]> {
    const { results } = await this.connection.askAgain<{
      results: { task_id?: string; error?: { code: number; message: string } }[];
    }>('POST', '/v1/queue/put/bulk', {
      body: { tasks: tasks.map((task) => bodyOf(task, 'callback')) },
      headers: { 'idempotency-key': idempotencyKey },
      signal,
    });
    return results.map(({ task_id, error }) => task_id ?? new ApiError(error!.message, { status: error!.code }));
  }

  /**
   * Waits for the answer, and resolves with it whatever its status is. When the connection is cut or the server starts anew
   * meanwhile, the call joins its task again. Rejects with an ApiError when the task was refused, failed, or had no answer
   * in time; the latter is cancelled. When `signal` fires, the wait ends and the task goes on.
   */
  async call<Body = unknown>(task: NewTask, options: PutOptions = {}): Promise<CallAnswer<Body>> {
    const { idempotencyKey = crypto.randomUUID(), signal } = options;
    const { timeoutMs = CALL_MS } = task;
    const deadline = performance.now() + timeoutMs + CALL_SLACK_MS;
    const request = {
      body: bodyOf({ ...task, timeoutMs }, 'blocking'), // the same each time, or it would be another task
      headers: { 'idempotency-key': idempotencyKey },
      signal,
    };
    for (let failures = 1; ; failures += 1) {
      try {
        const patienceMs = Math.max(1, deadline - performance.now());
        return await this.callOnce<Body>({ ...request, timeoutMs: patienceMs });
      } catch (error) {
        const isWorthIt = error instanceof ApiError && isAway(error);
        if (!isWorthIt || signal?.aborted) throw error;
        const waitMs = Math.max(backoffMs(failures), error.retryAfterMs ?? 0);
        if (performance.now() + waitMs > deadline) throw error;
        await pause(waitMs, signal);
      }
    }
  }

  /** The task's events as they come: a model's answer piece by piece. Leaving the loop early does not cancel the task. */
  async stream(task: NewTask, options: PutOptions = {}): Promise<TaskStream> {
    const { idempotencyKey = crypto.randomUUID(), signal } = options;
    const request = { body: bodyOf(task, 'streaming'), headers: { 'idempotency-key': idempotencyKey }, signal };
    return this.connection.again(() => this.openStream(request), signal);
  }

  /** Joins the events of a task that is there, from its first, or from after the one with the id `after`. */
  events(taskId: string, options: { after?: string; signal?: AbortSignal } = {}): TaskStream {
    return new TaskStream(taskId, this.connection, null, options);
  }

  /** Null when there is none of this id. */
  async get<Data = unknown>(taskId: string): Promise<Task<Data> | null> {
    const task = await this.connection.find<WireTask>(pathOf(taskId));
    return task && taskOf<Data>(task);
  }

  /** Up to 500 tasks, in the order of the ids; null for those that are unknown. */
  async getMany(taskIds: readonly string[]): Promise<(Task | null)[]> {
    const body = { task_ids: taskIds };
    try {
      const path = '/v1/queue/get';
      const { tasks } = await this.connection.askAgain<{ tasks: (WireTask | null)[] }>('POST', path, { body });
      return tasks.map((task) => (task === null ? null : taskOf(task)));
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 413 || taskIds.length < 2) throw error;
      const half = taskIds.length >> 1; // they are too large for one answer
      return [...(await this.getMany(taskIds.slice(0, half))), ...(await this.getMany(taskIds.slice(half)))];
    }
  }

  /** All that fit, newest first, fetched page by page as the loop goes on. */
  async *list(filter: TaskFilter = {}): AsyncGenerator<Task, void, void> {
    const { queue, state, batch, createdAfter, createdBefore } = filter;
    const asked = { queue, state, batch, created_after: createdAfter, created_before: createdBefore, limit: PAGE };
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(asked)) if (value !== undefined) query.set(name, String(value));
    for (;;) {
      const page = await this.connection.askAgain<WirePage>('GET', `/v1/queue/tasks?${query.toString()}`);
      for (const task of page.data) yield taskOf(task);
      if (!page.has_more) return;
      query.set('after', page.last_id ?? page.data.at(-1)!.task_id);
    }
  }

  /**
   * Ends a task that nobody wants any more, and tells whoever works on it; one that has ended stays as it is. Rejects with
   * status 404 for an unknown id, and 409 for a line of a batch.
   */
  async cancel(taskId: string): Promise<void> {
    await this.connection.askAgain('POST', `${pathOf(taskId)}/cancel`);
  }

  private async openStream(request: CallOptions): Promise<TaskStream> {
    const response = await this.connection.open('POST', '/v1/queue/put', request);
    const taskId = response.headers.get('x-millrace-task-id');
    if (!response.ok || taskId === null) throw refusal(response, await response.text());
    return new TaskStream(taskId, this.connection, response, { signal: request.signal });
  }

  private async callOnce<Body>(request: Parameters<Connection['exchange']>[2]): Promise<CallAnswer<Body>> {
    const { response, text } = await this.connection.exchange('POST', '/v1/queue/put', request);
    const taskId = response.headers.get('x-millrace-task-id');
    if (taskId === null || isOfServer(response.status, text)) throw refusal(response, text);
    return { taskId, statusCode: response.status, body: (text === '' ? null : JSON.parse(text)) as Body };
  }
}

/** Whether the server could not be reached, by a proxy before it either, or starts or stops: nothing is said of the task. */
function isAway({ status, taskId }: ApiError): boolean {
  return status === null || status === 503 || (taskId === null && (status === 502 || status === 504));
}

/** Whether the server speaks for itself, and passes on no answer: the time is over, the task failed, the server stops. */
function isOfServer(status: number, text: string): boolean {
  if (status < 400 || text === '') return status === 408;
  const said = JSON.parse(text) as Record<string, unknown> | null;
  return said?.['code'] === status && 'message' in said && 'timestamp' in said && Object.keys(said).length === 3;
}

function bodyOf(task: NewTask, mode: 'callback' | 'blocking' | 'streaming') {
  return {
    data: task.data,
    queue: task.queue,
    endpoint: task.endpoint,
    type: task.type,
    level: task.level,
    response_mode: mode,
    timeout: secondsOf(task.timeoutMs),
    delay: secondsOf(task.delayMs),
    not_before: task.notBefore,
    callback_url: task.callbackUrl,
    trace_id: task.traceId,
  };
}

function secondsOf(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : Math.ceil(ms / 1000);
}

function pathOf(taskId: string): string {
  return `/v1/queue/${encodeURIComponent(taskId)}`;
}
