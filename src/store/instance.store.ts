import { Injectable } from '@nestjs/common';
import { IsNull, Not, type FindOptionsWhere } from 'typeorm';
import { Database } from './database.js';
import { InstanceRow } from './entities/instance.entity.js';
import {
  beatInstance,
  buryInstance,
  endInstance,
  endSilentInstances,
  noteRescued,
  registerInstance,
  type NewInstance,
} from './procedures/instance.procedures.js';

/** As many at a time; those that are left come with the next look. */
const MAX_LISTED = 500;

@Injectable()
export class InstanceStore {
  constructor(private readonly database: Database) {}

  /** Returns the seq that owns this process's leases. */
  register(instance: NewInstance): Promise<number> {
    return this.database.write(registerInstance, instance);
  }

  /** A sign of life; false when it comes too late: others have taken this instance for dead. */
  beat(seq: number): Promise<boolean> {
    return this.database.write(beatInstance, { seq });
  }

  end(seq: number): Promise<void> {
    return this.database.write(endInstance, { seq });
  }

  /** Declares an instance dead that is known to be. */
  bury(seq: number): Promise<void> {
    return this.database.write(buryInstance, { seq });
  }

  /** Declares those dead that gave no sign of life for `silentMs`. */
  endSilent(ownSeq: number, silentMs: number): Promise<void> {
    return this.database.write(endSilentInstances, { ownSeq, silentMs });
  }

  /** Instances of the same host that have not ended, but for the one that asks; the oldest first. */
  neighbours(ownSeq: number, host: string): Promise<{ seq: number; pid: number }[]> {
    const where = { seq: Not(ownSeq), host, endedAt: IsNull() };
    return this.database.reader.find(InstanceRow, {
      select: { seq: true, pid: true },
      where,
      order: { seq: 'ASC' },
      take: MAX_LISTED,
    });
  }

  /** Instances that have ended and may still hold leases, the oldest first. */
  unrescued(): Promise<number[]> {
    return this.seqsOf({ endedAt: Not(IsNull()), rescuedAt: IsNull() });
  }

  /** Instances but for the one that asks that run tasks, or have ended and may still hold leases. */
  runners(ownSeq: number): Promise<number[]> {
    return this.seqsOf({ seq: Not(ownSeq), role: Not('api'), rescuedAt: IsNull() });
  }

  noteRescued(seq: number): Promise<void> {
    return this.database.write(noteRescued, { seq });
  }

  /** Task types that some live instance has a handler for. */
  async handledTypes(): Promise<Set<string>> {
    const rows = await this.database.reader.find(InstanceRow, {
      select: { seq: true, handlerTypes: true },
      where: { endedAt: IsNull() },
      order: { seq: 'DESC' },
      take: MAX_LISTED,
    });
    return new Set(rows.flatMap(({ handlerTypes }) => JSON.parse(handlerTypes ?? '[]') as string[]));
  }

  /** The oldest first. */
  private async seqsOf(where: FindOptionsWhere<InstanceRow>): Promise<number[]> {
    const rows = await this.database.reader.find(InstanceRow, {
      select: { seq: true },
      where,
      order: { seq: 'ASC' },
      take: MAX_LISTED,
    });
    return rows.map(({ seq }) => seq);
  }
}
