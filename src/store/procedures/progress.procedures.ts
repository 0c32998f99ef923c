/** What running tasks say: their streams. Numbered from 1 within a task, stored several of one flush a row. */
import { procedureOfMany } from '../procedure.js';
import { statement } from '../statement.js';
import type { Progress, ProgressOutcome } from './single-shapes.js';
import { lanesOfClaims } from './task-lanes.js';
import { findTasks, isHeldBy, refusalOf } from './task-lookup.js';

const LAST = statement<{ taskSeq: number }, { n: number }>('event-last');
const INSERT = statement<{ taskSeq: number; n: number; epoch: number; events: string; now: number }>('event-insert');

/** Lines of a batch keep no events: nobody listens to them. */
export const appendEvents = procedureOfMany(
  'task-progress',
  async (tx, items: readonly Progress[]): Promise<ProgressOutcome[]> => {
    const known = await findTasks(
      tx,
      items.map(({ key }) => key),
    );
    const lastNs = new Map<number, number>();
    const outcomes: ProgressOutcome[] = [];
    for (const [index, item] of items.entries()) {
      const task = known[index]!;
      if (!isHeldBy(task, item)) {
        outcomes.push({ verdict: refusalOf(task, item), lastN: null, epoch: null });
        continue;
      }
      const { seq: taskSeq, epoch } = task;
      if (task.batchSeq !== null || item.events.length === 0) {
        outcomes.push({ verdict: 'done', lastN: null, epoch });
        continue;
      }
      const lastN = lastNs.get(taskSeq) ?? (await tx.all(LAST, { taskSeq }))[0]!.n;
      const n = (item.firstN ?? lastN + 1) + item.events.length - 1;
      if (n <= lastN) {
        outcomes.push({ verdict: 'repeated', lastN: n, epoch });
        continue;
      }
      await tx.later(INSERT, [{ taskSeq, n, epoch, events: JSON.stringify(item.events), now: tx.now }]);
      lastNs.set(taskSeq, n);
      outcomes.push({ verdict: 'done', lastN: n, epoch });
    }
    return outcomes;
  },
  { lanesOf: (tx, items) => lanesOfClaims(tx, [items]) },
);
