/**
 * Events of one process, heard in all: what is published here is delivered here at once, and told to the others through
 * one Redis channel. One channel and one connection each way keep the order of a topic; what is published in one turn is
 * one message, because ends of tasks come in hundreds.
 */
import type { Observable } from 'rxjs';
import { EventBus } from '../../ports/event-bus.js';
import type { EventMap, Topic } from '../../ports/event-map.js';
import { LocalEventBus } from '../local/local-event-bus.js';
import { encodeNotice, packNotices, unpackNotices } from './event-wire.js';
import type { RedisLink } from './redis-link.js';

/** Where the deployment's events go. */
const CHANNEL = 'events';
/** Messages that may wait for Redis' answer; more are lost, as events may be. */
const MAX_UNANSWERED = 200;

export interface RedisEventBusOptions {
  link: RedisLink;
  /** Told of a listener that threw or rejected. */
  onError: (error: unknown, topic: Topic) => void;
  /** Told of what it counts. */
  onCount?: (what: EventCount, by: number) => void;
}

export type EventCount = 'dropped' | 'malformed';

export class RedisEventBus extends EventBus {
  /** Events that other processes were not told of. */
  dropped = 0;
  /** What came through the channel and is no event of ours. */
  malformed = 0;
  private readonly local: LocalEventBus;
  private outbox: string[] = [];
  private unanswered = 0;
  private isClosed = false;

  constructor(private readonly options: RedisEventBusOptions) {
    super();
    this.local = new LocalEventBus({ onError: options.onError });
    options.link.listen(CHANNEL, (message) => this.hear(message));
  }

  override publish<T extends Topic>(topic: T, event: EventMap[T]): void {
    if (this.isClosed) return;
    this.local.publish(topic, event);
    const text = this.options.link.isReady ? encodeNotice(topic, event) : null;
    if (text === null) {
      this.count('dropped', 1);
      return;
    }
    if (this.outbox.length === 0) setImmediate(() => this.flush());
    this.outbox.push(text);
  }

  override on<T extends Topic>(topic: T): Observable<EventMap[T]> {
    return this.local.on(topic);
  }

  override async close(): Promise<void> {
    if (this.isClosed) return;
    this.flush(); // others may wait for what this process did last
    this.isClosed = true;
    await this.local.close();
  }

  private flush(): void {
    const texts = this.outbox;
    this.outbox = [];
    const { link } = this.options;
    for (const message of packNotices(link.instanceId, texts)) {
      if (this.unanswered >= MAX_UNANSWERED) {
        this.count('dropped', 1);
        continue;
      }
      this.unanswered += 1;
      link
        .publish(CHANNEL, message)
        .catch(() => this.count('dropped', 1)) // the link tells of an outage, once
        .finally(() => (this.unanswered -= 1));
    }
  }

  private hear(message: string): void {
    if (this.isClosed) return;
    const { notices, malformed } = unpackNotices(this.options.link.instanceId, message);
    if (malformed > 0) this.count('malformed', malformed);
    for (const [topic, event] of notices) this.local.publish(topic, event);
  }

  private count(what: EventCount, by: number): void {
    this[what] += by;
    this.options.onCount?.(what, by);
  }
}
