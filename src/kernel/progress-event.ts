/** One event of a running task: a piece of a stream. */
export interface ProgressEvent {
  /** As its maker names it, or null. */
  id: string | null;
  name: string | null;
  /** JSON text. */
  data: string;
}

/** About how many bytes they take in the store. */
export function sizeOfEvents(events: readonly ProgressEvent[]): number {
  return events.reduce((sum, { data }) => sum + data.length, 0);
}
