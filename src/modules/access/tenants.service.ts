import { Injectable } from '@nestjs/common';
import { MillraceError } from '../../kernel/errors.js';
import { AccessStore, type StoredTenant } from '../../store/access.store.js';
import type { TenantChanges } from '../../store/procedures/access.procedures.js';
import { TenantStore, type TenantUsage } from '../../store/tenant.store.js';

/** A tenant and what it has of what its quotas limit. */
export interface TenantInUse {
  tenant: StoredTenant;
  usage: TenantUsage;
}

export interface TenantPage {
  tenants: TenantInUse[];
  hasMore: boolean;
}

@Injectable()
export class TenantsService {
  constructor(
    private readonly store: TenantStore,
    private readonly access: AccessStore,
  ) {}

  /** Oldest first, after the tenant `after`. Refuses with `not_found` when there is no such tenant. */
  async list(after: string | null, limit: number): Promise<TenantPage> {
    const last = after === null ? null : await this.store.findById(after);
    if (after !== null && last === null) {
      throw new MillraceError('not_found', `No tenant has the id '${after}'.`, { param: 'after' });
    }
    const rows = await this.store.page(last?.seq ?? null, limit + 1);
    const tenants: TenantInUse[] = [];
    for (const tenant of rows.slice(0, limit)) tenants.push(await this.inUse(tenant));
    return { tenants, hasMore: rows.length > limit };
  }

  /** Refuses with `not_found`. `param`: the field that names the tenant, for the refusal. */
  async named(name: string, param?: string): Promise<StoredTenant> {
    const tenant = await this.store.find(name);
    if (tenant) return tenant;
    throw new MillraceError('not_found', `No tenant is named '${name}'.`, param === undefined ? {} : { param });
  }

  /** Sets quotas; they hold from the next file and the next batch on. Refuses with `not_found`. */
  async update(name: string, changes: TenantChanges, by: string): Promise<TenantInUse> {
    return this.inUse(await this.store.update(name, changes, by));
  }

  /** Names by seq, for rows that belong to tenants. */
  namesOf(seqs: readonly number[]): Promise<ReadonlyMap<number, string>> {
    return this.access.tenantNames(seqs);
  }

  private async inUse(tenant: StoredTenant): Promise<TenantInUse> {
    return { tenant, usage: await this.store.usage(tenant.seq) };
  }
}
