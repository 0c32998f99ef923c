import { Injectable } from '@nestjs/common';
import { Database } from './database.js';
import { endInstance, registerInstance, type NewInstance } from './procedures/instance.procedures.js';

@Injectable()
export class InstanceStore {
  constructor(private readonly database: Database) {}

  /** Returns the seq that owns this process's leases. */
  register(instance: NewInstance): Promise<number> {
    return this.database.write(registerInstance, instance);
  }

  end(seq: number): Promise<void> {
    return this.database.write(endInstance, { seq });
  }
}
