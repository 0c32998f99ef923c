/** Between upstreams as operators see them and as they are kept. */
import { cutTrailingSlashes } from '../../kernel/base-url.js';
import { toSeconds } from '../../kernel/clock.js';
import type { UpstreamSettings } from '../../modules/setup/upstream-setup.service.js';
import type { ProbeResult } from '../../modules/upstreams/upstream-prober.js';
import type { StoredUpstream } from '../../store/queue.store.js';
import { isGiven } from '../common/field.decorators.js';
import {
  DEFAULT_CONCURRENCY,
  type CreateUpstreamDto,
  type UpdateUpstreamDto,
  type UpstreamDto,
  type UpstreamTestDto,
} from './upstream.dto.js';

export function toUpstreamDto(row: StoredUpstream): UpstreamDto {
  return {
    object: 'upstream',
    id: row.id,
    name: row.name,
    base_url: row.baseUrl,
    key_last4: row.keyLast4,
    concurrency: row.concurrency,
    per_minute: row.perMinute,
    source: row.source,
    created_at: toSeconds(row.createdAt),
    updated_at: toSeconds(row.updatedAt),
  };
}

export function toUpstreamSettings(body: CreateUpstreamDto): UpstreamSettings {
  return {
    name: body.name,
    baseUrl: cutTrailingSlashes(body.base_url),
    key: body.api_key ?? null,
    concurrency: body.concurrency ?? DEFAULT_CONCURRENCY,
    perMinute: body.per_minute ?? null,
  };
}

/** Null clears what can be none, and changes nothing else. */
export function toUpstreamChanges(body: UpdateUpstreamDto): Partial<Omit<UpstreamSettings, 'name'>> {
  return {
    ...(isGiven(body.base_url) ? { baseUrl: cutTrailingSlashes(body.base_url) } : {}),
    ...(body.api_key === undefined ? {} : { key: body.api_key }),
    ...(isGiven(body.concurrency) ? { concurrency: body.concurrency } : {}),
    ...(body.per_minute === undefined ? {} : { perMinute: body.per_minute }),
  };
}

export function toUpstreamTestDto({ isOk, status, tookMs, models, error }: ProbeResult): UpstreamTestDto {
  return { ok: isOk, status, latency_ms: tookMs, models, error };
}
