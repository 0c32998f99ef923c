/** What running tasks say: their streams. Numbered from 1 within a task, stored several of one flush a row. */
import { lastNOf } from '../../kernel/progress-event.js';
import { procedureOfMany } from '../procedure.js';
import { statement } from '../statement.js';
import type { Progress, ProgressOutcome } from './single-shapes.js';
import { insertEvents } from './task-events.js';
import { lanesOfClaims } from './task-lanes.js';
import { findTasks, isHeldBy, readsOf, refusalOf } from './task-lookup.js';

const LAST = statement<{ taskSeq: number }, { n: number }>('event-last');

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
      const { seq, epoch } = task;
      if (item.events.length === 0) {
        outcomes.push({ verdict: 'done', lastN: null, epoch });
        continue;
      }
      // The dispatcher that runs a task counts for itself, and says the same again under the same number.
      const isCounted = item.laneSeq !== null && item.firstN !== null;
      const lastN = isCounted ? 0 : (lastNs.get(seq) ?? (await tx.all(LAST, { taskSeq: seq }))[0]!.n);
      const span = { seq, epoch, firstN: item.firstN ?? lastN + 1, events: item.events };
      const n = lastNOf(span);
      if (n <= lastN) {
        outcomes.push({ verdict: 'repeated', lastN: n, epoch });
        continue;
      }
      await insertEvents(tx, [span]);
      lastNs.set(seq, n);
      outcomes.push({ verdict: 'done', lastN: n, epoch });
    }
    return outcomes;
  },
  {
    lanesOf: async (tx, items) => [
      ...items.flatMap(({ laneSeq }) => (laneSeq === null ? [] : [laneSeq])),
      ...(await lanesOfClaims(tx, [items.filter(({ laneSeq }) => laneSeq === null)])),
    ],
    readsFirst: (items) => readsOf(items.map(({ key }) => key)),
  },
);
