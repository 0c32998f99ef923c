import { Injectable } from '@nestjs/common';
import { Database } from './database.js';
import { endInstance, registerInstance, renewInstance, type NewInstance } from './procedures/instance.procedures.js';

@Injectable()
export class InstanceStore {
  constructor(private readonly database: Database) {}

  /** Returns the seq that owns this process's leases. */
  register(instance: NewInstance): Promise<number> {
    return this.database.write(registerInstance, instance);
  }

  /** A sign of life; false when others took this process for dead and forgot it. */
  renew(seq: number): Promise<boolean> {
    return this.database.write(renewInstance, { seq });
  }

  end(seq: number): Promise<void> {
    return this.database.write(endInstance, { seq });
  }
}
