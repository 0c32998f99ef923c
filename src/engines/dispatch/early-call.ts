/**
 * The call of a task whose caller is on the line goes out while the task is being stored, so that he does not wait for first
 * the one and then the other. What comes of it is kept here: nobody hears of it before the task is stored and leased. When it
 * is, who runs the task takes the call over. When it is not, the call is given up, and the upstream has begun it for nothing.
 */
import type { EventStreamReader } from './event-stream-reader.js';
import type { UpstreamCall } from './upstream-client.js';

export class EarlyCall {
  /** On the clock of `performance.now`. */
  readonly startedAt = performance.now();

  /** `reader`: of a streaming task; it keeps what it reads. */
  constructor(
    readonly call: UpstreamCall,
    readonly reader: EventStreamReader | null,
  ) {
    call.answer.catch(() => {}); // whoever takes it over hears of it
  }

  /** Harmless when it has ended. */
  giveUp(): void {
    this.call.abort('the task was not stored, or is not the next of its lane');
  }
}
