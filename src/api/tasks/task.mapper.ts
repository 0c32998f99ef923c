/**
 * Tasks on the wire. They are written as text, because their `data` and `result` are JSON texts already, and go out as their
 * makers wrote them. What there is nothing to say of is left out, but for the four times, which are 0.
 */
import { TASK_STATE_CODE, type TaskState } from '../../kernel/task-state.js';
import { resultObject } from '../../modules/callbacks/result-object.js';
import type {
  AttemptView,
  HandedTask,
  TaskDetails,
  TaskResult,
  TaskSummary,
} from '../../modules/tasks/task-requests.js';
import type { AttemptDto } from './task.dto.js';

/** The words of the task's first clients; `state` beside it tells more. */
const STATUS: Readonly<Record<TaskState, string>> = {
  scheduled: 'waiting',
  ready: 'waiting',
  leased: 'queued',
  completed: 'succeeded',
  failed: 'failed',
  expired: 'timeout',
  cancelled: 'cancelled',
};

/** What a task object may hold beside the task itself. */
export interface TaskExtras {
  /** JSON text. */
  data?: string | null;
  result?: TaskResult | null;
  /** Further fields, at its end; at least one. */
  more?: Readonly<Record<string, unknown>> | null;
}

/** What the task object says. */
type TaskOnWire = Omit<HandedTask, 'epoch' | 'body'> & Partial<Pick<TaskSummary, 'availableAt' | 'endedAt'>>;

/** JSON text of the task object. */
export function taskJson(task: TaskOnWire, { data = null, result = null, more = null }: TaskExtras = {}): string {
  // What is undefined is left out; `null` would not be.
  const head = JSON.stringify({
    task_id: task.id,
    custom_id: task.customId ?? undefined,
    batch_id: task.batchId ?? undefined,
    trace_id: task.traceId ?? traceIdOfLine(task.batchId),
    ak: task.keyId ?? undefined,
    type: task.type ?? undefined,
    endpoint: task.endpoint ?? undefined,
    queue: task.queueName,
    level: task.level,
  });
  const tail = JSON.stringify({
    status: STATUS[task.state],
    state: task.state,
    tries: task.tries,
    start_time: task.enqueuedAt,
    running_time: task.state === 'completed' ? task.endedAt! - task.enqueuedAt : 0,
    expire_time: task.expiresAt ?? 0,
    completed_time: task.endedAt ?? 0,
    available_time: task.state === 'scheduled' ? task.availableAt : undefined,
    callback_url: task.callbackUrl ?? undefined,
    response_mode: task.mode,
  });
  const body = data === null ? '' : `,"data":${data}`;
  const answer = result === null ? '' : `,"result":${resultJson(task, result)}`;
  const rest = more === null ? '' : `,${JSON.stringify(more).slice(1, -1)}`;
  return `${head.slice(0, -1)}${body}${answer},${tail.slice(1, -1)}${rest}}`;
}

/** By its first letters some workers know a line of a batch. */
function traceIdOfLine(batchId: string | null): string | undefined {
  return batchId === null ? undefined : `BATCH-${batchId}`;
}

/** With body and result. */
export function taskDetailsJson(task: TaskDetails): string {
  return taskJson(task, { data: task.body, result: task.result });
}

/** See `resultObject`. */
export function resultJson({ id, state }: Pick<TaskSummary, 'id' | 'state'>, result: TaskResult): string {
  return resultObject(id, { ...result, state: TASK_STATE_CODE[state] });
}

export function toAttemptDto(attempt: AttemptView): AttemptDto {
  return {
    attempt: attempt.epoch,
    worker: attempt.workerName,
    start_time: attempt.startedAt ?? 0,
    end_time: attempt.endedAt,
    outcome: attempt.outcome,
    status_code: attempt.statusCode,
    detail: attempt.detail,
  };
}
