/** What workers are told whose lease is not there. */
import { MillraceError } from '../../kernel/errors.js';
import type { HolderVerdict } from '../../modules/tasks/task-requests.js';

export const LEASE_LOST_EXAMPLE =
  "You do not hold the task 'task_0198f3a2c4d57b1e8a3f5c6d7e8f9a0b' any more: its lease has ended. Drop your work on it.";

/** Says the same of a task that there is not: whoever shows a token learns only whether it is good. */
export function leaseLost(taskId: string): MillraceError {
  const message = `You do not hold the task '${taskId}' any more: its lease has ended. Drop your work on it.`;
  return new MillraceError('lease_lost', message);
}

/** Refuses for every verdict that says that nothing was done. `hasToken`: whether the worker showed one. */
export function refuseUnheld(taskId: string, verdict: HolderVerdict, hasToken: boolean): void {
  if (verdict === 'done' || verdict === 'repeated') return;
  if (verdict === 'unknown' && !hasToken) {
    throw new MillraceError('not_found', `No task found with id '${taskId}'.`);
  }
  throw leaseLost(taskId);
}
