import type { DeadLetter } from '../../modules/tasks/dead-letters.service.js';
import type { AttemptView } from '../../modules/tasks/task-requests.js';
import { taskJson } from './task.mapper.js';

/** JSON text of a task that has failed, with why it did and what was tried. */
export function deadLetterJson(letter: DeadLetter): string {
  const { body, result, attempts, attemptsCount } = letter;
  const error = result && { code: result.errorCode, message: result.errorMessage };
  const more = { error, attempts_count: attemptsCount, attempts: attempts.map(toAttempt) };
  return taskJson(letter, { data: body, more });
}

function toAttempt({ workerName, startedAt, endedAt, outcome, statusCode, detail }: AttemptView) {
  return {
    ...(workerName === null ? {} : { worker: workerName }),
    started_at: startedAt ?? 0,
    ended_at: endedAt,
    outcome,
    ...(statusCode === null ? {} : { status_code: statusCode }),
    ...(detail === null ? {} : { detail }),
  };
}
