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

/** The queues of this key's tenant. */
export class QueuesClient {
  constructor(private readonly connection: Connection) {}

  /** Makes a queue for pull workers, and resolves with its name. Rejects with status 400 when the name is taken. */
  register(queue: string, endpoint: string): Promise<string> {
    return this.connection.ask<string>('POST', '/v1/queue/register', { body: { queue, endpoint } });
  }

  /** Resolves with null when there is no queue of this name. */
  metadata(queue: string): Promise<{ queue: string; endpoint: string | null } | null> {
    return this.connection.askAgain('GET', `/v1/queue/${encodeURIComponent(queue)}/metadata`);
  }

  /** Of one lane, `queue:level`. */
  stats(lane: string): Promise<LaneStats> {
    return this.connection.askAgain('GET', `/v1/queue/${encodeURIComponent(lane)}/stats`);
  }
}
