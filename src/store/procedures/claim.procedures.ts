/**
 * Claims: work that one process at a time should do, for thrift. A claim ends with its time, or with its holder; what is done
 * under it is safe all the same if two do it.
 */
import { procedureOfOne } from '../procedure.js';
import { statement } from '../statement.js';

export interface ClaimRequest {
  name: string;
  instanceSeq: number;
  ttlMs: number;
}

const OPEN = statement<{ name: string }>('claim-open');
const TAKE = statement<{ name: string; instanceSeq: number; now: number; until: number }>('claim-take');
const DROP = statement<{ name: string; instanceSeq: number }>('claim-drop');

/** Takes or prolongs a claim; false while another live instance holds it. */
export const takeClaim = procedureOfOne(
  'claim-take',
  async (tx, { name, instanceSeq, ttlMs }: ClaimRequest) => {
    await tx.run(OPEN, { name });
    return (await tx.run(TAKE, { name, instanceSeq, now: tx.now, until: tx.now + ttlMs })) === 1;
  },
  { isRareAct: false },
);

export const dropClaim = procedureOfOne(
  'claim-drop',
  async (tx, claim: { name: string; instanceSeq: number }): Promise<void> => {
    await tx.run(DROP, claim);
  },
  { isRareAct: false },
);
