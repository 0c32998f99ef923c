/** Whether the store takes writes. */
import { procedureOfOne } from '../procedure.js';

/** Changes nothing itself; what it proves is the commit, which writes the mark of its group and waits for the disk. */
export const probeWrite = procedureOfOne('probe-write', async (): Promise<null> => null, { isRareAct: false });
