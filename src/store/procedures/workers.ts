/** Workers that pull over HTTP, as they name themselves. */
import type { Tx } from '../procedure.js';
import { statement } from '../statement.js';
import type { WorkerNote } from './single-shapes.js';

const SEEN = statement<{ tenantSeq: number; name: string; capacity: number | null; now: number }>('worker-seen');
const FIND = statement<{ tenantSeq: number; name: string }, { seq: number }>('worker-find');

/** Notes that these workers were here, each once, and returns their rows; null for callers that give no name. */
export async function seqOfWorkers(tx: Tx, workers: readonly (WorkerNote | null)[]): Promise<(number | null)[]> {
  const known = new Map<string, number>();
  const seqs: (number | null)[] = [];
  for (const worker of workers) {
    if (worker === null) {
      seqs.push(null);
      continue;
    }
    const { tenantSeq, name, capacity } = worker;
    const key = `${tenantSeq} ${name}`;
    let seq = known.get(key);
    if (seq === undefined) {
      await tx.later(SEEN, [{ tenantSeq, name, capacity, now: tx.now }]);
      const [row] = await tx.all(FIND, { tenantSeq, name });
      known.set(key, (seq = row!.seq));
    }
    seqs.push(seq);
  }
  return seqs;
}
