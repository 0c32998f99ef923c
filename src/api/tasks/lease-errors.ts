/** What workers are told who do not hold what they speak of. */
import { MillraceError } from '../../kernel/errors.js';
import type { HolderVerdict } from '../../modules/tasks/task-requests.js';
import { TASK_ID } from './completion.dto.js';

const lostText = (id: string) =>
  `You do not hold the task '${id}' any more: its lease has ended. Drop your work on it.`;
const unknownText = (id: string) => `No task found with id '${id}'.`;

/** For the API's documentation. */
export const UNHELD_EXAMPLES = { 404: unknownText(TASK_ID), 409: lostText(TASK_ID) };

/** Refuses with `not_found` and `lease_lost`, for every verdict that says that nothing is as the worker wants it. */
export function refuseUnheld(taskId: string, verdict: HolderVerdict): void {
  if (verdict === 'done' || verdict === 'repeated') return;
  if (verdict === 'unknown') throw new MillraceError('not_found', unknownText(taskId));
  throw new MillraceError('lease_lost', lostText(taskId));
}
