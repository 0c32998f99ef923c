/** Server processes. Each boot is a new instance, so that leases of an earlier life can be told from this one's. */
import { InstanceRow } from '../entities/instance.entity.js';
import { procedureOfOne } from '../procedure.js';

export interface NewInstance {
  id: string;
  role: string;
  host: string;
  pid: number;
  /** JSON array of the task types that this process has handlers for. */
  handlerTypes: string;
}

export const registerInstance = procedureOfOne('instance-register', async (tx, item: NewInstance) => {
  await tx.manager.insert(InstanceRow, { ...item, startedAt: tx.now, heartbeatAt: tx.now });
  const { seq } = await tx.manager.findOneByOrFail(InstanceRow, { id: item.id });
  return seq;
});

/** A sign of life: without one for long, others take its leases back. False when it was forgotten meanwhile. */
export const renewInstance = procedureOfOne(
  'instance-renew',
  async (tx, { seq }: { seq: number }) => {
    const { affected } = await tx.manager.update(InstanceRow, { seq }, { heartbeatAt: tx.now });
    return affected === 1;
  },
  { isRareAct: false },
);

export const endInstance = procedureOfOne('instance-end', async (tx, { seq }: { seq: number }): Promise<void> => {
  await tx.manager.update(InstanceRow, { seq }, { endedAt: tx.now });
});
