/** Server processes. Each boot is a new instance, so that leases of an earlier life can be told from this one's. */
import { IsNull, LessThanOrEqual, Not } from 'typeorm';
import { InstanceRow } from '../entities/instance.entity.js';
import { procedureOfOne, type Tx } from '../procedure.js';

export interface NewInstance {
  id: string;
  role: string;
  host: string;
  pid: number;
  /** JSON array of the task types that this process has handlers for. */
  handlerTypes: string;
}

/** Each looks at single rows that only the process itself, or a sweep, changes. */
const LOCKS = { isRareAct: false };

export const registerInstance = procedureOfOne(
  'instance-register',
  async (tx, item: NewInstance) => {
    const row = tx.manager.create(InstanceRow, { ...item, startedAt: tx.now, heartbeatAt: tx.now });
    await tx.manager.insert(InstanceRow, row);
    return (await tx.manager.findOneByOrFail(InstanceRow, { id: item.id })).seq;
  },
  LOCKS,
);

/** False when others have taken this instance for dead: its leases are not its own any more. */
export const beatInstance = procedureOfOne(
  'instance-beat',
  async (tx, { seq }: { seq: number }) => {
    const { affected } = await tx.manager.update(InstanceRow, { seq, endedAt: IsNull() }, { heartbeatAt: tx.now });
    return affected === 1;
  },
  LOCKS,
);

/** From then on it cannot beat any more. */
async function end(tx: Tx, { seq }: { seq: number }): Promise<void> {
  await tx.manager.update(InstanceRow, { seq, endedAt: IsNull() }, { endedAt: tx.now });
}

/** Says of itself that it ends. */
export const endInstance = procedureOfOne('instance-end', end, LOCKS);

/** Declares another one dead of which that is known. */
export const buryInstance = procedureOfOne('instance-bury', end, LOCKS);

/** Declares those dead that have been silent for so long, never the one that asks; from then on they cannot beat again. */
export const endSilentInstances = procedureOfOne(
  'instance-end-silent',
  async (tx, { ownSeq, silentMs }: { ownSeq: number; silentMs: number }): Promise<void> => {
    const silent = { seq: Not(ownSeq), endedAt: IsNull(), heartbeatAt: LessThanOrEqual(tx.now - silentMs) };
    await tx.manager.update(InstanceRow, silent, { endedAt: tx.now });
  },
  LOCKS,
);

/** Notes that no lease of a dead instance is left. */
export const noteRescued = procedureOfOne(
  'instance-rescued',
  async (tx, { seq }: { seq: number }): Promise<void> => {
    await tx.manager.update(InstanceRow, { seq }, { rescuedAt: tx.now });
  },
  LOCKS,
);
