import { Injectable } from '@nestjs/common';
import { MillraceError } from '../../kernel/errors.js';
import { AuditStore, type StoredAct } from '../../store/audit.store.js';

export interface AuditPage {
  acts: StoredAct[];
  hasMore: boolean;
}

/** What people did: the procedures that do it write it down, here it is read. */
@Injectable()
export class AuditService {
  constructor(private readonly store: AuditStore) {}

  /** Newest first, after the act `after`. Refuses with `not_found` when there is no such act. */
  async list(after: string | null, limit: number): Promise<AuditPage> {
    const last = after === null ? null : await this.store.find(after);
    if (after !== null && last === null) {
      throw new MillraceError('not_found', `No audit entry has the id '${after}'.`, { param: 'after' });
    }
    const acts = await this.store.page(last?.seq ?? null, limit + 1);
    return { acts: acts.slice(0, limit), hasMore: acts.length > limit };
  }
}
