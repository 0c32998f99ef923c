/** What a handler may throw to say how its task goes on. Anything else is tried again by the queue's retry policy. */

/** Not now: to be tried again, at the soonest after so many ms. It counts as a try. */
export class RetryLater extends Error {
  override readonly name = 'RetryLater';
  readonly code: string;

  constructor(
    message: string,
    readonly afterMs: number,
    { code = 'retry_later', cause }: { code?: string; cause?: unknown } = {},
  ) {
    super(message, { cause });
    this.code = code;
  }
}

/** Never: trying again makes no sense. The task goes to the dead letters. */
export class GiveUp extends Error {
  override readonly name = 'GiveUp';
  readonly code: string;

  constructor(message: string, { code = 'given_up', cause }: { code?: string; cause?: unknown } = {}) {
    super(message, { cause });
    this.code = code;
  }
}

/** Why the signal of a task fired: it was cancelled, it expired, or another worker has it. Nobody waits for its answer. */
export class LeaseLost extends Error {
  override readonly name = 'LeaseLost';

  constructor(taskId: string) {
    super(`The lease of ${taskId} is gone.`);
  }
}

/** Why the signal of a task fired: the worker stops, and the task goes back untouched. */
export class WorkerStopping extends Error {
  override readonly name = 'WorkerStopping';

  constructor(taskId: string) {
    super(`The worker stops; ${taskId} goes back to its queue.`);
  }
}
