/** Queues and their lanes as clients of the Task API see them. */
import type { Queue } from '../../modules/queues/queue.js';
import type { LaneStats } from '../../modules/queues/queue-stats.service.js';
import type { WorkerView } from '../../modules/tasks/task-requests.js';
import type { StoredQueue } from '../../store/queue.store.js';
import type {
  LaneFiguresDto,
  LaneWorkerDto,
  QueueFiguresDto,
  UsableQueueDto,
  QueueMetadataDto,
} from './task-queue.dto.js';

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
    put_per_second: toThousandths(stats.putPerSecond),
    taken_per_second: toThousandths(stats.takenPerSecond),
    completed_per_second: toThousandths(stats.completedPerSecond),
    oldest_age_ms: stats.oldestAgeMs,
    consumers: [...lane.queue.consumers],
    workers: owner.workers.flatMap((worker) => toLaneWorker(worker, lane.queue.name, lane.level)),
    reasons: waitsBecause === null ? [] : [waitsBecause],
  };
}

const SUMMED = [
  'total_put_cnt',
  'total_loaded_cnt',
  'total_completed_cnt',
  'total_failed_cnt',
  'total_expired_cnt',
  'total_cancelled_cnt',
  'ready',
  'scheduled',
  'leased',
  'completed',
  'failed',
  'put_per_second',
  'taken_per_second',
  'completed_per_second',
] as const;

/** `levels`: all that the queue has. */
export function toQueueFiguresDto(
  queue: Queue,
  row: StoredQueue,
  levels: LaneFiguresDto[],
  deadLetters: number,
): QueueFiguresDto {
  const sumOf = (name: (typeof SUMMED)[number]) => toThousandths(levels.reduce((sum, level) => sum + level[name], 0));
  return {
    ...(Object.fromEntries(SUMMED.map((name) => [name, sumOf(name)])) as Record<(typeof SUMMED)[number], number>),
    queue: queue.name,
    ctime: localTime(row.createdAt),
    mtime: localTime(row.updatedAt),
    oldest_age_ms: oldestOf(levels),
    consumers: [...queue.consumers],
    workers: eachWorkerOnce(levels.flatMap(({ workers }) => workers)),
    reasons: [...new Set(levels.flatMap(({ reasons }) => reasons))],
    levels,
    dead_letters: deadLetters,
  };
}

function oldestOf(levels: readonly LaneFiguresDto[]): number | null {
  const ages = levels.flatMap(({ oldest_age_ms }) => oldest_age_ms ?? []);
  return ages.length === 0 ? null : Math.max(...ages);
}

function eachWorkerOnce(workers: readonly LaneWorkerDto[]): LaneWorkerDto[] {
  const byId = new Map<string, LaneWorkerDto>();
  for (const { id, held, last_seen_time } of workers) {
    byId.set(id, { id, held: held + (byId.get(id)?.held ?? 0), last_seen_time });
  }
  return [...byId.values()];
}

function toThousandths(rate: number): number {
  return Math.round(rate * 1000) / 1000;
}

function metadataOf({ name, endpoint }: Queue): { endpoint?: string; queue: string } {
  return { ...(endpoint === null ? {} : { endpoint }), queue: name };
}

/** Who holds tasks of the lane, or is likely to come for some. */
function toLaneWorker(
  { name, lastSeenAt, asked, held }: WorkerView,
  queueName: string,
  level: number,
): LaneWorkerDto[] {
  const isHere = (lane: { queueName: string; level: number }) => lane.queueName === queueName && lane.level === level;
  const count = held.find(isHere)?.count ?? 0;
  if (count === 0 && !asked.some((lane) => lane.isRecent && isHere(lane))) return [];
  return [{ id: name, held: count, last_seen_time: lastSeenAt }];
}

/** Without a zone, as the clients read it: UTC. */
function localTime(at: number): string {
  return new Date(at).toISOString().slice(0, -1);
}
