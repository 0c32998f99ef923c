import { retryPolicyOf, type RetryChoice, type RetryPolicy } from '../../kernel/retry-policy.js';
import type { StoredQueue } from '../../store/queue.store.js';

/** Who works a queue off: outside workers, an upstream, or functions in this process. */
export const CONSUMERS = ['pull', 'upstream', 'handler'] as const;
export type Consumer = (typeof CONSUMERS)[number];

/** A queue as the rules see it. */
export interface Queue {
  seq: number;
  id: string;
  tenantSeq: number;
  name: string;
  /** Whether all tenants may submit to it. */
  isShared: boolean;
  /** The one endpoint it takes, such as `/v1/chat/completions`; null for any. */
  endpoint: string | null;
  /** The models it serves; empty for any. */
  models: readonly string[];
  consumers: ReadonlySet<Consumer>;
  upstreamSeq: number | null;
  retry: RetryPolicy;
  /** Tasks leased at the same time, over all consumers; null for no limit. */
  maxConcurrency: number | null;
  /** Tasks begun per minute; null for no limit. */
  perMinute: number | null;
  /** Whether what workers report over Redis counts for its tasks. */
  hasEventbus: boolean;
  isPaused: boolean;
}

export function queueOf(row: StoredQueue): Queue {
  return {
    seq: row.seq,
    id: row.id,
    tenantSeq: row.tenantSeq,
    name: row.name,
    isShared: row.visibility === 'shared',
    endpoint: row.endpoint,
    models: JSON.parse(row.models) as string[],
    consumers: new Set(JSON.parse(row.consumers) as Consumer[]),
    upstreamSeq: row.upstreamSeq,
    retry: retryPolicyOf(retryChoiceOf(row)),
    maxConcurrency: row.maxConcurrency,
    perMinute: row.perMinute,
    hasEventbus: row.eventbus === 1,
    isPaused: row.pausedAt !== null,
  };
}

/** The key of the limiter under which a queue's rate is counted. */
export function rateKeyOf({ seq }: Pick<Queue, 'seq'>): string {
  return `queue:${seq}`;
}

/** What a queue says itself about retries; null when it leaves all of it to the server. */
export function retryChoiceOf({ retryPolicy }: Pick<StoredQueue, 'retryPolicy'>): RetryChoice | null {
  return retryPolicy === null ? null : (JSON.parse(retryPolicy) as RetryChoice);
}

/** Whether tasks of this queue are run by dispatchers of our own, which want calls. */
export function isDispatched(queue: Queue): boolean {
  return queue.consumers.has('upstream') || queue.consumers.has('handler');
}
