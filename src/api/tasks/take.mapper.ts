/** Between takes as workers write them and as they are carried out. */
import { MillraceError } from '../../kernel/errors.js';
import type { LeaseEnd } from '../../kernel/pull.js';
import { actorOf, type Caller } from '../../modules/access/caller.js';
import type { HandedTask, TakeCall } from '../../modules/tasks/task-requests.js';
import { bytesOf } from './json-bytes.js';
import { parseLane } from './lane-name.js';
import { leaseTokenOf } from './lease-token.js';
import { FIFO_TASKS, MAX_TASKS, type LeaseEndWord, type TakeDto, type WorkerDto } from './take.dto.js';
import { taskJson } from './task.mapper.js';

const LEASE_END: Readonly<Record<LeaseEndWord, LeaseEnd>> = {
  complete: 'complete_408',
  retry: 'retry',
  fail: 'fail',
  expire: 'expire',
};

/** Refuses with `missing_required_parameter` and `invalid_value`. */
export function toTakeCall(caller: Caller, body: TakeDto): TakeCall {
  if (body.queues.length === 0) {
    throw new MillraceError('invalid_value', 'queues cannot be empty', { param: 'queues' });
  }
  const strategy = body.strategy ?? 'fifo';
  const most = strategy === 'fifo' ? (body.fifo_max ?? FIFO_TASKS) : MAX_TASKS;
  return {
    tenantSeq: caller.tenantSeq,
    lanes: body.queues.map((text, index) => parseLane(text, `queues.${index}`)),
    strategy,
    size: Math.min(body.size ?? 1, most),
    minAgeMs: (body.min_age_seconds ?? 0) * 1000,
    leaseMs: body.process_timeout ? body.process_timeout * 1000 : null,
    leaseEnd: LEASE_END[body.lease_end ?? 'complete'],
    leaseRetries: body.process_max_retries ?? 0,
    // Those without a name are known by their key, all of one key as one: what they hold is seen, too.
    worker: workerOf(body.worker) ?? { name: actorOf(caller), capacity: null },
    waitMs: (body.wait_seconds ?? 0) * 1000,
  };
}

/** Null for one without a name. */
export function workerOf(worker: WorkerDto | null | undefined): TakeCall['worker'] {
  return worker?.id ? { name: worker.id, capacity: worker.capacity ?? null } : null;
}

/**
 * JSON: tasks by lane, each lane's in the order in which they are to be worked off. `instanceFor`: the instance to whose
 * stream workers may report on tasks of a queue, or null.
 */
export function handedJson(handed: readonly HandedTask[], instanceFor: (queueName: string) => string | null): Buffer {
  const byLane = new Map<string, string[]>();
  for (const task of handed) {
    const lane = `${task.queueName}:${task.level}`;
    const ofLane = byLane.get(lane);
    const json = handedTaskJson(task, instanceFor(task.queueName));
    if (ofLane) ofLane.push(',', json);
    else byLane.set(lane, [json]);
  }
  const lanes = [...byLane].flatMap(([lane, tasks], index) => [index === 0 ? '"' : ',"', lane, '":[', ...tasks, ']']);
  return bytesOf(['{', ...lanes, '}']);
}

function handedTaskJson(task: HandedTask, instanceId: string | null): string {
  const more = {
    instance_id: instanceId ?? undefined,
    lease_token: leaseTokenOf(task.id, task.epoch),
    lease_until: task.leaseUntil ?? 0,
  };
  return taskJson(task, { data: task.body, more });
}
