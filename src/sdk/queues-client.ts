import type { Connection } from './connection.js';

/** How a lane stands. Spans are ms. */
export interface LaneStats {
  queue: string;
  level: number;
  ready: number;
  scheduled: number;
  leased: number;
  /** Since the lane was made. */
  completed: number;
  failed: number;
  /** Of the task that has waited longest; null when none waits. */
  oldest_age_ms: number | null;
  [field: string]: unknown;
}

export interface QueueMetadata {
  queue: string;
  /** What its tasks are for; null when they may be for anything. */
  endpoint: string | null;
}

/** The queues of this key's tenant. */
export class QueuesClient {
  constructor(private readonly connection: Connection) {}

  /** Makes a queue for pull workers, and resolves with its name. Rejects with status 400 when the name is taken. */
  register(queue: string, endpoint: string): Promise<string> {
    return this.connection.ask<string>('POST', '/v1/queue/register', { body: { queue, endpoint } });
  }

  /** Null when there is no queue of this name. */
  async metadata(queue: string): Promise<QueueMetadata | null> {
    const path = `/v1/queue/${encodeURIComponent(queue)}/metadata`;
    const found = await this.connection.find<{ queue: string; endpoint?: string }>(path);
    return found && { endpoint: null, ...found };
  }

  /** Of one lane, `queue:level`. */
  stats(lane: string): Promise<LaneStats> {
    return this.connection.askAgain('GET', `/v1/queue/${encodeURIComponent(lane)}/stats`);
  }
}
