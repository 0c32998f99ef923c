/** The numbers of events: from 1 within a task, and those of a row end with the row's. */
import type { NumberedEvent } from './task-requests.js';

/** The events of one row, each with its number. */
export function numbered({ n, events }: { n: number; events: readonly Omit<NumberedEvent, 'n'>[] }): NumberedEvent[] {
  return events.map((event, index) => ({ ...event, n: n - events.length + 1 + index }));
}

/** Those that come after number `after`, each once: rows may overlap where a write was repeated of which nobody heard. */
export function eventsAfter(after: number, events: readonly NumberedEvent[]): NumberedEvent[] {
  let last = after;
  const fresh: NumberedEvent[] = [];
  for (const event of events) {
    if (event.n <= last) continue;
    last = event.n;
    fresh.push(event);
  }
  return fresh;
}
