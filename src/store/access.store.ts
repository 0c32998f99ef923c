import { Injectable } from '@nestjs/common';
import { In, LessThan } from 'typeorm';
import { Database } from './database.js';
import { ApiKeyRow } from './entities/api-key.entity.js';
import { TenantRow } from './entities/tenant.entity.js';
import {
  createKey,
  ensureTenant,
  revokeKey,
  rotateKey,
  type NewKey,
  type Rotation,
} from './procedures/access.procedures.js';

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

  revokeKey(id: string, by: string): Promise<StoredKey> {
    return this.database.write(revokeKey, { id, by });
  }

  rotateKey(rotation: Rotation): Promise<StoredKey> {
    return this.database.write(rotateKey, rotation);
  }

  findKey(id: string): Promise<StoredKey | null> {
    return this.database.reader.findOneBy(ApiKeyRow, { id });
  }

  /** Keys of all tenants, newest first. */
  keyPage(beforeSeq: number | null, limit: number): Promise<StoredKey[]> {
    return this.database.reader.find(ApiKeyRow, {
      where: beforeSeq === null ? {} : { seq: LessThan(beforeSeq) },
      order: { seq: 'desc' },
      take: limit,
    });
  }

  /** Names by seq; for at most a page of rows at a time. */
  async tenantNames(seqs: readonly number[]): Promise<Map<number, string>> {
    const rows = await this.database.reader.findBy(TenantRow, { seq: In([...new Set(seqs)]) });
    return new Map(rows.map(({ seq, name }) => [seq, name]));
  }
}
