/** Rows of `task_event`: several events each, under the number of the last one. */
import { lastNOf, type EventSpan } from '../../kernel/progress-event.js';
import type { Tx } from '../procedure.js';
import { statement } from '../statement.js';

const INSERT = statement<{ taskSeq: number; n: number; epoch: number; events: string; now: number }>('event-insert');

export interface AttemptEvents extends EventSpan {
  seq: number;
  epoch: number;
}

export async function insertEvents(tx: Tx, items: readonly AttemptEvents[]): Promise<void> {
  await tx.later(
    INSERT,
    items.map((item) => ({
      taskSeq: item.seq,
      n: lastNOf(item),
      epoch: item.epoch,
      events: JSON.stringify(item.events),
      now: tx.now,
    })),
  );
}
