/** Tells everybody concerned what a write has brought about. All of it may be lost: sweeps find it again. */
import { Injectable } from '@nestjs/common';
import { EventBus } from '../../ports/event-bus.js';
import type { EndHints } from '../../ports/event-map.js';
import type { Aftermath } from '../../store/procedures/single-shapes.js';
import { QueuesService } from '../queues/queues.service.js';
import type { TaskEnd } from './task-requests.js';
import { TaskWaiters } from './task-waiters.js';

@Injectable()
export class TaskNotices {
  constructor(
    private readonly events: EventBus,
    private readonly queues: QueuesService,
    private readonly waiters: TaskWaiters,
  ) {}

  /** So many new tasks of a lane are ready. */
  came(laneSeq: number, count: number): void {
    this.queues.call([laneSeq], count);
  }

  /** `hints`: of the one task that has ended; `end`: what came of it, which saves who waits for it in this process a read. */
  after(
    { endedIds, doneBatchSeqs, readyLaneSeqs, abortedSeqs, hasCallbacks }: Aftermath,
    hints: EndHints = {},
    end: TaskEnd | null = null,
  ): void {
    for (const taskId of endedIds) {
      if (end !== null) this.waiters.end(taskId, end, hints.lastN);
      this.events.publish('task.ended', { taskId, ...hints });
    }
    for (const batchSeq of doneBatchSeqs) this.events.publish('batch.finalize', { batchSeq });
    for (const taskSeq of abortedSeqs) this.events.publish('task.abort', { taskSeq });
    if (hasCallbacks) this.events.publish('callback.deliver', {});
    this.freed(readyLaneSeqs);
  }

  /** Tasks may begin in these lanes that could not before. */
  freed(laneSeqs: readonly number[]): void {
    this.queues.call(this.withSisters(laneSeqs));
  }

  /** Room in a queue with a limit is room for all its levels. */
  private withSisters(laneSeqs: readonly number[]): Set<number> {
    const all = new Set(laneSeqs);
    for (const laneSeq of laneSeqs) {
      const queue = this.queues.laneBySeq(laneSeq)?.queue;
      if (!queue || queue.maxConcurrency === null) continue;
      for (const lane of this.queues.allLanes()) if (lane.queue.seq === queue.seq) all.add(lane.seq);
    }
    return all;
  }
}
