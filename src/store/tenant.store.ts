import { Injectable } from '@nestjs/common';
import { MoreThan } from 'typeorm';
import { Clock } from '../kernel/clock.js';
import type { StoredTenant } from './access.store.js';
import { Database } from './database.js';
import { TenantRow } from './entities/tenant.entity.js';
import { updateTenant, type TenantChanges } from './procedures/access.procedures.js';
import { FILE_USAGE, hasFileQuota, LINE_USAGE, type FileQuota, type FileUsage } from './procedures/quota.js';

/** What a tenant has of what its quotas limit. */
export interface TenantUsage extends FileUsage {
  queuedLines: number;
}

@Injectable()
export class TenantStore {
  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
  ) {}

  find(name: string): Promise<StoredTenant | null> {
    return this.database.reader.findOneBy(TenantRow, { name });
  }

  /** Oldest first. */
  page(afterSeq: number | null, limit: number): Promise<StoredTenant[]> {
    return this.database.reader.find(TenantRow, {
      where: afterSeq === null ? {} : { seq: MoreThan(afterSeq) },
      order: { seq: 'asc' },
      take: limit,
    });
  }

  findById(id: string): Promise<StoredTenant | null> {
    return this.database.reader.findOneBy(TenantRow, { id });
  }

  update(name: string, changes: TenantChanges, by: string): Promise<StoredTenant> {
    return this.database.write(updateTenant, { name, changes, by });
  }

  /** What its quotas leave of files; null for a tenant without such a quota. */
  async fileQuota(tenantSeq: number): Promise<FileQuota | null> {
    const tenant = await this.database.reader.findOneBy(TenantRow, { seq: tenantSeq });
    if (!tenant || !hasFileQuota(tenant)) return null;
    const [used] = await this.database.all(FILE_USAGE, { tenantSeq, now: this.clock.now() });
    return { tenant, used: used! };
  }

  async usage(tenantSeq: number): Promise<TenantUsage> {
    const [files] = await this.database.all(FILE_USAGE, { tenantSeq, now: this.clock.now() });
    const [queued] = await this.database.all(LINE_USAGE, { tenantSeq });
    return { ...files!, queuedLines: queued!.lines };
  }
}
