/** One event of a running task: a piece of a stream. */
export interface ProgressEvent {
  /** As its maker names it, or null. */
  id: string | null;
  name: string | null;
  /** JSON text. */
  data: string;
}
