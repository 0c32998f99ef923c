/** From what people did, as it is kept, to how operators see it. */
import { toSeconds } from '../../kernel/clock.js';
import type { StoredAct } from '../../store/audit.store.js';
import type { AuditEntryDto } from './audit.dto.js';

/** `tenants`: names by seq. */
export function toAuditEntryDto(act: StoredAct, tenants: ReadonlyMap<number, string>): AuditEntryDto {
  return {
    object: 'audit_entry',
    id: act.id,
    actor: act.actor,
    action: act.action,
    subject: act.subject,
    tenant: act.tenantSeq === null ? null : (tenants.get(act.tenantSeq) ?? null),
    detail: toSnakeCase(JSON.parse(act.detail ?? '{}')),
    created_at: toSeconds(act.createdAt),
  };
}

/** Names of fields at any depth, as everywhere on the wire. */
function toSnakeCase(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const rename = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [rename(name), toSnakeCase(part)]));
}
