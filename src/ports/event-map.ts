/** The only list of topics. Events are hints: a lost one costs at most a second, never work. */
export interface EventMap {
  /** A batch wants validating, or goes on with it. */
  'batch.ingest': { batchSeq: number };
  /** A batch has stopped and wants its result files. */
  'batch.finalize': { batchSeq: number };
  /** Leased tasks that must be aborted now: their batch was cancelled or ran out of time. */
  'batch.abort': { batchSeq: number };
  /** Keys, queues or upstreams have changed: cached copies are stale. */
  'access.changed': { keyId: string };
  'queues.changed': Record<string, never>;
}

export type Topic = keyof EventMap;
