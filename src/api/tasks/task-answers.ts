/** What a caller who waited for a task gets: the answer itself with its status, or why there is none. */
import { bodyOf, errorOf } from '../../kernel/kept-answer.js';
import { TIMED_OUT } from '../../kernel/timed-out.js';
import { statusWithoutAnswer } from '../../modules/callbacks/result-object.js';
import type { TaskEnd } from '../../modules/tasks/task-requests.js';

export const TASK_ID_HEADER = 'x-millrace-task-id';

export interface TaskAnswer {
  status: number;
  /** JSON text; null for an answer without a body, and for none. */
  body: string | null;
  /** Set when the task ended without an answer, or its answer was lost. */
  error: TaskFailure | null;
  /** What the worker said went wrong, beside its answer: any JSON; null: nothing. */
  workerError: unknown;
}

export interface TaskFailure {
  code: string;
  message: string;
}

/** The wait was over first. */
export const NOT_IN_TIME: TaskAnswer = {
  status: TIMED_OUT.status,
  body: null,
  error: { code: TIMED_OUT.code, message: TIMED_OUT.message },
  workerError: null,
};

export function answerOf({ state, result }: TaskEnd): TaskAnswer {
  const body = result?.body ?? null;
  const errorCode = result?.errorCode ?? null;
  // A completed task has an error when its answer was lost since.
  const isAnswered = body !== null || (state === 'completed' && errorCode === null);
  if (isAnswered) {
    const [said, workerError] = body === null ? [null, null] : [bodyOf(body), errorOf(body)];
    return { status: result?.statusCode ?? 200, body: said, error: null, workerError };
  }
  const error = { code: errorCode ?? state, message: result?.errorMessage ?? 'The task ended without an answer.' };
  return { status: statusWithoutAnswer(state, errorCode), body: null, error, workerError: null };
}
