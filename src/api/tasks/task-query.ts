/** The filters of the list of tasks. */
import { TASK_STATES, type TaskState } from '../../kernel/task-state.js';
import type { TaskQuery } from '../../modules/tasks/task-requests.js';
import { wrongChoice } from '../common/field.decorators.js';
import { readInteger, readPageRequest, readText, type Query } from '../common/page.js';

export const PAGE_LIMITS = { defaultLimit: 20, maxLimit: 100 };
const INSTANTS = { min: 0, max: Number.MAX_SAFE_INTEGER };

/** `after`: the id of the last task of the page before. */
export function readTaskQuery(query: Query): Omit<TaskQuery, 'tenantSeq' | 'afterSeq'> & { after: string | null } {
  return {
    ...readPageRequest(query, PAGE_LIMITS),
    queueName: readText(query, 'queue'),
    state: readState(query),
    batchId: readText(query, 'batch'),
    since: readInteger(query, 'created_after', INSTANTS),
    before: readInteger(query, 'created_before', INSTANTS),
  };
}

function readState(query: Query): TaskState | null {
  const word = readText(query, 'state');
  const state = TASK_STATES.find((known) => known === word) ?? null;
  if (word !== null && state === null) throw wrongChoice('state', word, TASK_STATES);
  return state;
}
