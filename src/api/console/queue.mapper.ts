/** Between queues as operators see them and as they are kept. */
import { toSeconds } from '../../kernel/clock.js';
import type { RetryChoice } from '../../kernel/retry-policy.js';
import { retryChoiceOf } from '../../modules/queues/queue.js';
import { USUAL_QUEUE, type QueueSettings } from '../../modules/setup/queue-setup.service.js';
import type { StoredQueue } from '../../store/queue.store.js';
import { isGiven } from '../common/field.decorators.js';
import type { CreateQueueDto, QueueDto, RetryPolicyDto, UpdateQueueDto } from './queue.dto.js';

/** Names by seq, of what queues refer to. */
export interface QueueNames {
  tenants: ReadonlyMap<number, string>;
  upstreams: ReadonlyMap<number, string>;
}

export function toQueueDto(row: StoredQueue, { tenants, upstreams }: QueueNames): QueueDto {
  const retry = retryChoiceOf(row);
  return {
    object: 'queue',
    id: row.id,
    name: row.name,
    tenant: tenants.get(row.tenantSeq) ?? '',
    visibility: row.visibility,
    endpoint: row.endpoint,
    models: JSON.parse(row.models) as string[],
    consumers: JSON.parse(row.consumers) as string[],
    upstream: row.upstreamSeq === null ? null : (upstreams.get(row.upstreamSeq) ?? null),
    retry_policy: retry && {
      max_tries: retry.maxTries,
      first_backoff_ms: retry.firstBackoffMs,
      max_backoff_ms: retry.maxBackoffMs,
    },
    max_concurrency: row.maxConcurrency,
    per_minute: row.perMinute,
    max_depth: row.maxDepth,
    result_ttl_seconds: row.resultTtlMs === null ? null : row.resultTtlMs / 1000,
    completion_rule: row.completionRule,
    eventbus: row.eventbus === 1,
    paused_at: toSeconds(row.pausedAt),
    created_at: toSeconds(row.createdAt),
    updated_at: toSeconds(row.updatedAt),
  };
}

export function toQueueSettings(body: CreateQueueDto): QueueSettings {
  return { ...USUAL_QUEUE, ...toQueueChanges(body) };
}

/** Null clears what can be none, and changes nothing else. */
export function toQueueChanges(body: UpdateQueueDto): Partial<QueueSettings> {
  const { endpoint, models, consumers, upstream, visibility, retry_policy: retry } = body;
  return {
    ...(isGiven(visibility) ? { visibility } : {}),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(isGiven(models) ? { models } : {}),
    ...(isGiven(consumers) ? { consumers } : {}),
    ...(upstream === undefined ? {} : { upstream }),
    ...(retry === undefined ? {} : { retry: retry && toRetryChoice(retry) }),
    ...toRules(body),
  };
}

function toRules(body: UpdateQueueDto): Partial<QueueSettings> {
  const { max_concurrency: maxConcurrency, per_minute: perMinute, max_depth: maxDepth } = body;
  const { result_ttl_seconds: resultTtl, completion_rule: completionRule, eventbus } = body;
  return {
    ...(maxConcurrency === undefined ? {} : { maxConcurrency }),
    ...(perMinute === undefined ? {} : { perMinute }),
    ...(maxDepth === undefined ? {} : { maxDepth }),
    ...(resultTtl === undefined ? {} : { resultTtlMs: resultTtl && resultTtl * 1000 }),
    ...(isGiven(completionRule) ? { completionRule } : {}),
    ...(isGiven(eventbus) ? { eventbus } : {}),
  };
}

function toRetryChoice(body: RetryPolicyDto): RetryChoice {
  return {
    maxTries: body.max_tries ?? null,
    firstBackoffMs: body.first_backoff_ms ?? null,
    maxBackoffMs: body.max_backoff_ms ?? null,
  };
}
