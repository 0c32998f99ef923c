import type { TaskStore } from '../../store/task.store.js';
import { isDispatched } from './queue.js';
import type { QueuesService } from './queues.service.js';

/** Calls every lane that has ready tasks and is worked off by engines. */
export async function callReady(queues: QueuesService, tasks: TaskStore): Promise<void> {
  const waiting: number[] = [];
  for (const lane of queues.allLanes()) {
    if (isDispatched(lane.queue) && (await tasks.hasReady(lane.seq))) waiting.push(lane.seq);
  }
  queues.call(waiting);
}
