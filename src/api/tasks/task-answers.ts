/** What a caller who waited for a task gets: the answer itself with its status, or why there is none. */
import { statusWithoutAnswer } from '../../modules/callbacks/result-object.js';
import type { TaskEnd } from '../../modules/tasks/task-requests.js';

export const TASK_ID_HEADER = 'x-millrace-task-id';

export interface TaskAnswer {
  status: number;
  /** JSON text; null for an answer without a body, and for none. */
  body: string | null;
  /** Set when the task ended without an answer. */
  error: TaskFailure | null;
}

export interface TaskFailure {
  code: string;
  message: string;
}

/** The wait was over first. */
export const TIMED_OUT: TaskAnswer = {
  status: 408,
  body: null,
  error: { code: 'timeout', message: 'Nobody was done with the task in time.' },
};

export function answerOf({ state, result }: TaskEnd): TaskAnswer {
  const body = result?.body ?? null;
  if (body !== null || state === 'completed') return { status: result?.statusCode ?? 200, body, error: null };
  const error = {
    code: result?.errorCode ?? state,
    message: result?.errorMessage ?? 'The task ended without an answer.',
  };
  return { status: statusWithoutAnswer(state, result?.errorCode ?? null), body: null, error };
}
