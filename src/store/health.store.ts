import { Injectable } from '@nestjs/common';
import { Database } from './database.js';
import { probeWrite } from './procedures/health.procedures.js';

@Injectable()
export class HealthStore {
  constructor(private readonly database: Database) {}

  /** Resolves once a write is durable; rejects when the store takes none. */
  async probeWrite(): Promise<void> {
    await this.database.write(probeWrite, null);
  }
}
