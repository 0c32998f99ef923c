/** Queues and their lanes as clients of the Task API see them. */
import type { Queue } from '../../modules/queues/queue.js';
import type { LaneStats } from '../../modules/queues/queue-stats.service.js';
import type { WorkerView } from '../../modules/tasks/task-requests.js';
import type { StoredQueue } from '../../store/queue.store.js';
import type { LaneStatsDto, LaneWorkerDto, QueueListItemDto, QueueMetadataDto } from './task-queue.dto.js';

export function toMetadataDto({ name, endpoint }: Queue): QueueMetadataDto {
  return { ...(endpoint === null ? {} : { endpoint }), queue: name };
}

export function toQueueListItem(queue: Queue): QueueListItemDto {
  const { models, consumers, isShared, isPaused } = queue;
  return {
    ...toMetadataDto(queue),
    ...{ models: [...models], consumers: [...consumers], is_shared: isShared, is_paused: isPaused },
  };
}

/** `row`: the lane's queue; `workers`: those of its tenant. */
export function toLaneStatsDto(stats: LaneStats, row: StoredQueue, workers: readonly WorkerView[]): LaneStatsDto {
  const { lane, totals, ready, scheduled, leased, waitsBecause } = stats;
  return {
    id: lane.seq,
    queue: lane.queue.name,
    level: lane.level,
    total_put_cnt: totals.putCount,
    total_loaded_cnt: totals.takenCount,
    total_completed_cnt: totals.completedCount,
    total_failed_cnt: totals.failedCount,
    total_expired_cnt: totals.expiredCount,
    total_cancelled_cnt: totals.cancelledCount,
    ctime: localTime(row.createdAt),
    mtime: localTime(row.updatedAt),
    ...{ ready, scheduled, leased, completed: totals.completedCount, failed: totals.failedCount },
    completed_per_second: Math.round(stats.completedPerSecond * 1000) / 1000,
    oldest_age_ms: stats.oldestAgeMs ?? 0,
    consumers: [...lane.queue.consumers],
    workers: workers.flatMap((worker) => toLaneWorker(worker, lane.queue.name, lane.level)),
    reasons: waitsBecause === null ? [] : [waitsBecause],
  };
}

function toLaneWorker({ name, lastSeenAt, held }: WorkerView, queueName: string, level: number): LaneWorkerDto[] {
  const here = held.find((lane) => lane.queueName === queueName && lane.level === level);
  return here ? [{ id: name, held: here.count, last_seen_time: lastSeenAt }] : [];
}

/** Without a zone, as the clients read it: UTC. */
function localTime(at: number): string {
  return new Date(at).toISOString().slice(0, -1);
}
