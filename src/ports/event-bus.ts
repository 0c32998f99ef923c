import type { Observable } from 'rxjs';
import type { EventMap, Topic } from './event-map.js';

/**
 * Lossy notices, to every subscriber in every process of this deployment; those of one topic arrive in order.
 *
 * `publish` never throws, never waits and never runs a listener in its own stack: whoever must not miss something reads
 * the store. A listener that throws is logged and goes on listening; it harms neither the publisher nor other listeners.
 */
export abstract class EventBus {
  abstract publish<T extends Topic>(topic: T, event: EventMap[T]): void;
  abstract on<T extends Topic>(topic: T): Observable<EventMap[T]>;
  abstract close(): Promise<void>;
}
