/** Events within one process: one Subject per topic, fed in the order of publishing but never from a publisher's stack. */
import { Subject, type Observable } from 'rxjs';
import { EventBus } from '../../ports/event-bus.js';
import type { EventMap, Topic } from '../../ports/event-map.js';
import { IsolatedObservable } from './isolated-observable.js';

export interface LocalEventBusOptions {
  /** Told of a listener that threw or rejected. */
  onError: (error: unknown, topic: Topic) => void;
}

export class LocalEventBus extends EventBus {
  private readonly subjects = new Map<Topic, Subject<unknown>>();
  private undelivered: Array<() => void> = [];
  private isClosed = false;

  constructor(private readonly options: LocalEventBusOptions) {
    super();
  }

  override publish<T extends Topic>(topic: T, event: EventMap[T]): void {
    const subject = this.subjectOf(topic);
    if (this.undelivered.length === 0) queueMicrotask(() => this.deliver());
    this.undelivered.push(() => subject.next(event));
  }

  override on<T extends Topic>(topic: T): Observable<EventMap[T]> {
    return new IsolatedObservable(this.subjectOf(topic), (error) => this.options.onError(error, topic));
  }

  /** Ends every subscription; what was not delivered yet is lost, as any event may be. */
  override async close(): Promise<void> {
    this.isClosed = true;
    for (const subject of this.subjects.values()) subject.complete();
  }

  private deliver(): void {
    const deliveries = this.undelivered;
    this.undelivered = [];
    for (const next of deliveries) next();
  }

  private subjectOf<T extends Topic>(topic: T): Subject<EventMap[T]> {
    let subject = this.subjects.get(topic);
    if (!subject) {
      subject = new Subject();
      if (this.isClosed) subject.complete();
      this.subjects.set(topic, subject);
    }
    return subject as Subject<EventMap[T]>;
  }
}
