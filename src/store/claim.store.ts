import { Injectable } from '@nestjs/common';
import { Database } from './database.js';
import { dropClaim, takeClaim, type ClaimRequest } from './procedures/claim.procedures.js';

@Injectable()
export class ClaimStore {
  constructor(private readonly database: Database) {}

  /** Takes or prolongs a claim on the store's clock; false while another live instance holds it. */
  take(request: ClaimRequest): Promise<boolean> {
    return this.database.write(takeClaim, request);
  }

  drop(name: string, instanceSeq: number): Promise<void> {
    return this.database.write(dropClaim, { name, instanceSeq });
  }
}
