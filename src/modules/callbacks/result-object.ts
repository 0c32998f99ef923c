import { fieldsOf } from '../../kernel/kept-answer.js';
import { TASK_STATES, type TaskState } from '../../kernel/task-state.js';
import { TIMED_OUT } from '../../kernel/timed-out.js';

/** What was recorded of a task. */
export interface RecordedResult {
  /** A TASK_STATE_CODE. */
  state: number;
  statusCode: number | null;
  requestId: string | null;
  /** As it is kept: see `kept-answer`. */
  body: string | null;
  errorCode: string | null;
  errorMessage: string | null;
}

/** Statuses of tasks that ended without an answer, as a caller who waits for the answer gets them. */
const STATUS_WITHOUT_ANSWER: Readonly<Partial<Record<TaskState, number>>> = { expired: 408, cancelled: 499 };
/** What a task failed of when it was its submitter's doing. */
const MISTAKES: ReadonlySet<string | null> = new Set(['invalid_endpoint']);
const MISTAKEN = 400;
const FAILED = 500;

/** `errorCode`: of a task that ended without an answer. */
export function statusWithoutAnswer(state: TaskState, errorCode: string | null): number {
  if (state === 'cancelled' && errorCode === TIMED_OUT.code) return TIMED_OUT.status;
  return STATUS_WITHOUT_ANSWER[state] ?? (MISTAKES.has(errorCode) ? MISTAKEN : FAILED);
}

/**
 * The result object of a task as JSON text: `{"status_code", "request_id", "body"}` and what else its worker said, or `error`
 * in place of `body` when there was no answer. The body's own text goes into it unread, so that it arrives as it was written.
 */
export function resultObject(taskId: string, result: RecordedResult): string {
  const { state, statusCode, requestId, body, errorCode, errorMessage } = result;
  const status = statusCode ?? statusWithoutAnswer(TASK_STATES[state]!, errorCode);
  const head = `{"status_code":${status},"request_id":${JSON.stringify(requestId ?? taskId)}`;
  if (body !== null) return `${head}${fieldsOf(body)}}`;
  if (errorCode === null && statusCode !== null) return `${head}}`;
  const error = { code: errorCode ?? 'no_answer', message: errorMessage ?? 'The task ended without an answer.' };
  return `${head},"error":${JSON.stringify(error)}}`;
}
