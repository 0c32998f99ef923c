/** Between tenants as operators see them and as they are kept. */
import { toSeconds } from '../../kernel/clock.js';
import type { TenantInUse } from '../../modules/access/tenants.service.js';
import type { TenantChanges } from '../../store/procedures/access.procedures.js';
import type { TenantDto, UpdateTenantDto } from './tenant.dto.js';

export function toTenantDto({ tenant, usage }: TenantInUse): TenantDto {
  return {
    object: 'tenant',
    id: tenant.id,
    name: tenant.name,
    max_files: tenant.maxFiles,
    max_bytes: tenant.maxBytes,
    max_queued_lines: tenant.maxQueuedLines,
    usage: { files: usage.files, bytes: usage.bytes, queued_lines: usage.queuedLines },
    created_at: toSeconds(tenant.createdAt),
  };
}

export function toTenantChanges(body: UpdateTenantDto): TenantChanges {
  return {
    ...(body.max_files === undefined ? {} : { maxFiles: body.max_files }),
    ...(body.max_bytes === undefined ? {} : { maxBytes: body.max_bytes }),
    ...(body.max_queued_lines === undefined ? {} : { maxQueuedLines: body.max_queued_lines }),
  };
}
