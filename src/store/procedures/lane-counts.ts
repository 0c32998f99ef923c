/** Adds up what a transaction did to each lane and writes it once per lane. Only monotone totals are kept: how many tasks
 * are ready or leased is counted from the tasks themselves, so it cannot drift. */
import type { Tx } from '../procedure.js';
import { statement } from '../statement.js';

interface LaneDelta extends Record<string, number> {
  seq: number;
  put: number;
  taken: number;
  completed: number;
  failed: number;
  expired: number;
  cancelled: number;
}

export type LaneCount = 'put' | 'taken' | 'completed' | 'failed' | 'expired' | 'cancelled';

const ADD = statement<LaneDelta>('lane-count');

export class LaneCounts {
  private readonly deltas = new Map<number, LaneDelta>();

  add(laneSeq: number, count: LaneCount, n = 1): void {
    let delta = this.deltas.get(laneSeq);
    if (!delta) {
      delta = { seq: laneSeq, put: 0, taken: 0, completed: 0, failed: 0, expired: 0, cancelled: 0 };
      this.deltas.set(laneSeq, delta);
    }
    delta[count] += n;
  }

  /** For lanes that were looked at under their locks, or hold a task that has not ended: no queue of such a one is deleted. */
  async write(tx: Tx): Promise<void> {
    await tx.later(ADD, this.inOrder());
  }

  /** For lanes of which nobody knows; throws when one is gone. */
  async writeChecked(tx: Tx): Promise<void> {
    const changed = await tx.each(ADD, this.inOrder());
    if (changed.includes(0)) throw new Error('a lane is gone: its queue was deleted meanwhile');
  }

  /** Lanes in the order of their keys, as every transaction that locks several must. */
  private inOrder(): LaneDelta[] {
    return [...this.deltas.values()].sort((a, b) => a.seq - b.seq);
  }
}
