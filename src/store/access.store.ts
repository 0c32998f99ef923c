import { Injectable } from '@nestjs/common';
import { Database } from './database.js';
import { ApiKeyRow } from './entities/api-key.entity.js';
import { TenantRow } from './entities/tenant.entity.js';
import { createKey, ensureTenant, revokeKey, type NewKey } from './procedures/access.procedures.js';

export type StoredKey = ApiKeyRow;
export type StoredTenant = TenantRow;

@Injectable()
export class AccessStore {
  constructor(private readonly database: Database) {}

  ensureTenant(name: string, id: string): Promise<StoredTenant> {
    return this.database.write(ensureTenant, { name, id });
  }

  createKey(key: NewKey): Promise<StoredKey> {
    return this.database.write(createKey, key);
  }

  revokeKey(id: string): Promise<StoredKey> {
    return this.database.write(revokeKey, { id });
  }

  findKey(id: string): Promise<StoredKey | null> {
    return this.database.reader.findOneBy(ApiKeyRow, { id });
  }
}
