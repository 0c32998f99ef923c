/**
 * Which queue a task goes to when nobody names one. The caller's own queues come before shared ones at each step.
 *
 *   the queue of the endpoint that lists the model → the queue named like the model → the only queue of the endpoint
 *   → `default`
 *
 * Of the queues that are for the model, one that nobody works off steps back for another; not for `default`, whose upstream
 * need not have the model. One that has only the endpoint in common steps back for a `default` with an upstream, unless it
 * has one itself: its workers may be there or not.
 */
import { DEFAULT_QUEUE } from '../../kernel/default-names.js';
import { isDispatched, type Queue } from './queue.js';

export interface RouteQuery {
  tenantSeq: number;
  endpoint: string;
  model: string | null;
}

export function routeTask(queues: readonly Queue[], query: RouteQuery): Queue | null {
  const { tenantSeq, endpoint, model } = query;
  const fitting = queues.filter((queue) => queue.endpoint === null || queue.endpoint === endpoint);
  const own = fitting.filter((queue) => queue.tenantSeq === tenantSeq);
  const shared = fitting.filter((queue) => queue.isShared && queue.tenantSeq !== tenantSeq);
  // `default` comes last, also for the tenant that owns it.
  const visible = [...own, ...shared].sort((a, b) => Number(isDefault(a)) - Number(isDefault(b)));
  const takesModel = (queue: Queue) => queue.models.length === 0 || (model !== null && queue.models.includes(model));

  const listing = visible.filter((queue) => model !== null && queue.models.includes(model));
  const namesakes = visible.filter((queue) => queue.name === model && takesModel(queue));
  const ofEndpoint = visible.filter((queue) => queue.endpoint === endpoint && takesModel(queue));
  const named = [...listing, ...namesakes];
  const others = [
    ...(ofEndpoint.length === 1 ? ofEndpoint : []),
    ...visible.filter((queue) => queue.name === DEFAULT_QUEUE && takesModel(queue)),
  ];
  const forModel = named.find(({ consumers }) => consumers.size > 0) ?? named[0];
  return forModel ?? others.find(isDispatched) ?? others[0] ?? null;
}

function isDefault(queue: Queue): boolean {
  return queue.isShared && queue.name === DEFAULT_QUEUE;
}

/** The queue of that name: the caller's own, then a shared one. */
export function queueNamed(queues: readonly Queue[], tenantSeq: number, name: string): Queue | null {
  const named = queues.filter((queue) => queue.name === name);
  return named.find((queue) => queue.tenantSeq === tenantSeq) ?? named.find((queue) => queue.isShared) ?? null;
}
