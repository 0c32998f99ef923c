import { Injectable } from '@nestjs/common';
import { LessThan } from 'typeorm';
import { Database } from './database.js';
import { AuditEntryRow } from './entities/audit-entry.entity.js';

export type StoredAct = AuditEntryRow;

/** What people did. Written by the procedures that do it; nothing is ever changed or removed. */
@Injectable()
export class AuditStore {
  constructor(private readonly database: Database) {}

  find(id: string): Promise<StoredAct | null> {
    return this.database.reader.findOneBy(AuditEntryRow, { id });
  }

  /** Acts of all tenants, newest first. */
  page(beforeSeq: number | null, limit: number): Promise<StoredAct[]> {
    return this.database.reader.find(AuditEntryRow, {
      where: beforeSeq === null ? {} : { seq: LessThan(beforeSeq) },
      order: { seq: 'desc' },
      take: limit,
    });
  }
}
