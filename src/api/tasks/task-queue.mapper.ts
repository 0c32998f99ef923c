/** Queues and their lanes as clients of the Task API see them. */
import type { Queue } from '../../modules/queues/queue.js';
import type { LaneStats } from '../../modules/queues/queue-stats.service.js';
import type { WorkerView } from '../../modules/tasks/task-requests.js';
import type { StoredQueue } from '../../store/queue.store.js';
import type { LaneFiguresDto, LaneWorkerDto, UsableQueueDto, QueueMetadataDto } from './task-queue.dto.js';

export function toMetadataDto(queue: Queue): QueueMetadataDto {
  return metadataOf(queue);
}

export function toUsableQueueDto(queue: Queue): UsableQueueDto {
  const { models, consumers, isShared, isPaused } = queue;
  return {
    ...metadataOf(queue),
    models: [...models],
    consumers: [...consumers],
    is_shared: isShared,
    is_paused: isPaused,
  };
}

/** What the figures of a lane tell of its tenant: its name, and who pulls for it. */
export interface LaneOwner {
  name: string;
  workers: readonly WorkerView[];
}

/** `row`: the lane's queue. */
export function toLaneFiguresDto(stats: LaneStats, row: StoredQueue, owner: LaneOwner): LaneFiguresDto {
  const { lane, totals, ready, scheduled, leased, waitsBecause } = stats;
  return {
    id: lane.seq,
    queue: lane.queue.name,
    level: lane.level,
    last_wrote_sharding_key: '',
    last_wrote_id: totals.putCount,
    last_scanned_sharding_key: '',
    last_scanned_id: Math.max(0, totals.putCount - ready - scheduled), // the counts are read one after the other
    total_put_cnt: totals.putCount,
    total_loaded_cnt: totals.takenCount,
    total_completed_cnt: totals.completedCount,
    total_failed_cnt: totals.failedCount,
    total_expired_cnt: totals.expiredCount,
    total_cancelled_cnt: totals.cancelledCount,
    cuid: row.tenantSeq,
    muid: row.tenantSeq,
    cu_name: owner.name,
    mu_name: owner.name,
    ctime: localTime(row.createdAt),
    mtime: localTime(row.updatedAt),
    ready,
    scheduled,
    leased,
    completed: totals.completedCount,
    failed: totals.failedCount,
    completed_per_second: Math.round(stats.completedPerSecond * 1000) / 1000,
    oldest_age_ms: stats.oldestAgeMs,
    consumers: [...lane.queue.consumers],
    workers: owner.workers.flatMap((worker) => toLaneWorker(worker, lane.queue.name, lane.level)),
    reasons: waitsBecause === null ? [] : [waitsBecause],
  };
}

function metadataOf({ name, endpoint }: Queue): { endpoint?: string; queue: string } {
  return { ...(endpoint === null ? {} : { endpoint }), queue: name };
}

function toLaneWorker({ name, lastSeenAt, held }: WorkerView, queueName: string, level: number): LaneWorkerDto[] {
  const here = held.find((lane) => lane.queueName === queueName && lane.level === level);
  return here ? [{ id: name, held: here.count, last_seen_time: lastSeenAt }] : [];
}

/** Without a zone, as the clients read it: UTC. */
function localTime(at: number): string {
  return new Date(at).toISOString().slice(0, -1);
}
