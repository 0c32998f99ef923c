/** One event of a running task: a piece of a stream. */
export interface ProgressEvent {
  /** As its maker names it, or null. */
  id: string | null;
  name: string | null;
  /** JSON text. */
  data: string;
}

/** Events that follow each other, perhaps none, and where they stand among all of their task. */
export interface EventSpan {
  /** The number of the first of these, from 1. */
  firstN: number;
  events: ProgressEvent[];
}

/** The number of the last of them; of the last before them when there are none. */
export function lastNOf({ firstN, events }: EventSpan): number {
  return firstN + events.length - 1;
}

/** About how many bytes they take in the store. */
export function sizeOfEvents(events: readonly ProgressEvent[]): number {
  return events.reduce((sum, { data }) => sum + data.length, 0);
}
