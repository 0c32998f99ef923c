/** What a task says while it runs. A connection that is cut is taken up again after the last event that came. */
import { ApiError } from './api-error.js';
import { backoffMs, pause } from './backoff.js';
import { refusal, type Connection } from './connection.js';
import { readEvents, type TaskEvent } from './event-reader.js';
import type { WireTask } from './task.js';

/** The stream ended without the whole answer: the model answered with an error, or the task failed, expired or was cancelled. */
export class TaskFailed extends Error {
  override readonly name = 'TaskFailed';

  constructor(
    readonly taskId: string,
    readonly statusCode: number,
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

interface ErrorData {
  status_code?: number;
  error?: { code?: string; message?: string };
}

const TRIES = 20;
/** The code of an error that is not the task's: it goes on, and so can its stream when the server is back. */
const STOPPING = 'shutting_down';
/** The last event of a model's stream. */
const DONE = '[DONE]';

export class TaskStream implements AsyncIterable<TaskEvent> {
  private lastEventId: string | null;

  /** `response`: the stream as it was opened; null to open it by the task's id. */
  constructor(
    readonly taskId: string,
    private readonly connection: Connection,
    private response: Response | null,
    private readonly options: { after?: string | undefined; signal?: AbortSignal | undefined } = {},
  ) {
    this.lastEventId = options.after ?? null;
  }

  /**
   * Each event once, in order; ends with the task. Throws TaskFailed when the task ends badly, and ApiError when the server
   * is away for long, or when `signal` fires. A stream is read once.
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<TaskEvent, void, void> {
    for (let failures = 0; ;) {
      try {
        let last: TaskEvent | null = null;
        for await (const event of this.piece()) {
          failures = 0;
          last = event;
          if (event.id !== null && event.id !== '') this.lastEventId = event.id;
          this.refuseError(event);
          yield event;
        }
        // A cut behind a proxy looks like an end.
        if (last?.text === DONE || (await this.hasEnded())) return;
      } catch (error) {
        if (!(error instanceof ApiError) || !error.isPassing || this.options.signal?.aborted) throw error;
        failures += 1;
        if (failures === TRIES) throw error;
        await pause(Math.max(backoffMs(failures), error.retryAfterMs ?? 0), this.options.signal);
      }
    }
  }

  /** Until the connection ends, well or badly. */
  private async *piece(): AsyncGenerator<TaskEvent, void, void> {
    const response = this.response ?? (await this.open());
    this.response = null;
    if (response.body === null) return;
    const events = readEvents(response.body);
    try {
      for (;;) {
        const step = await events.next().catch((cause: unknown) => {
          throw new ApiError('The stream was cut.', { status: null, taskId: this.taskId, cause });
        });
        if (step.done) return;
        yield step.value;
      }
    } finally {
      await events.return(); // also when the reader has left its loop
    }
  }

  private async open(): Promise<Response> {
    const { signal } = this.options;
    const path = `/v1/queue/${encodeURIComponent(this.taskId)}/events`;
    const headers = this.lastEventId === null ? {} : { 'last-event-id': this.lastEventId };
    const response = await this.connection.open('GET', path, { headers, signal });
    if (!response.ok) throw refusal(response, await response.text());
    return response;
  }

  private async hasEnded(): Promise<boolean> {
    const path = `/v1/queue/${encodeURIComponent(this.taskId)}`;
    const { signal } = this.options;
    const { state } = await this.connection.ask<WireTask>('GET', path, { signal });
    return ['completed', 'failed', 'expired', 'cancelled'].includes(state);
  }

  /** What the task itself says always has an id, also where it calls it an error. */
  private refuseError({ id, name, data }: TaskEvent): void {
    if (name !== 'error' || id !== null) return;
    const { status_code, error } = (data ?? {}) as ErrorData;
    const code = error?.code ?? 'failed';
    if (code === STOPPING) throw new ApiError('The server stops.', { status: 503, taskId: this.taskId });
    throw new TaskFailed(this.taskId, status_code ?? 500, code, error?.message ?? `The task ended as '${code}'.`);
  }
}
