/**
 * Cuts an upstream's server-sent events out of the bytes as they come. What the upstream wrote stays as it wrote it: the
 * text of an event is passed on, not parsed and written anew.
 */
import { StringDecoder } from 'node:string_decoder';
import { createParser, type EventSourceMessage } from 'eventsource-parser';
import type { ProgressEvent } from '../../kernel/progress-event.js';

export class EventStreamReader {
  /** The tokens that the upstream counted, in its own words, once an event has told them. */
  usage: object | null = null;
  private readonly decoder = new StringDecoder('utf8');
  private readonly parser = createParser({ onEvent: (message) => this.events.push(this.eventOf(message)) });
  private events: ProgressEvent[] = [];
  private sink: ((events: ProgressEvent[]) => void) | null = null;

  /** `sink` gets the events of one piece together, and those that came before, which were kept. */
  passTo(sink: (events: ProgressEvent[]) => void): void {
    this.sink = sink;
    this.pass();
  }

  take(chunk: Buffer): void {
    this.parser.feed(this.decoder.write(chunk));
    this.pass();
  }

  /** The stream has ended well. Some servers leave out the empty line after their last event. */
  end(): void {
    this.parser.feed(`${this.decoder.end()}\n\n`);
    this.pass();
  }

  private pass(): void {
    const { events, sink } = this;
    if (events.length === 0 || sink === null) return;
    this.events = [];
    sink(events);
  }

  /** Objects stay JSON; all else, such as `[DONE]`, becomes a JSON string of what was written. */
  private eventOf({ id, event, data }: EventSourceMessage): ProgressEvent {
    const json = parse(data);
    if (json !== null) this.noteUsage(json);
    return { id: id ?? null, name: event ?? null, data: json === null ? JSON.stringify(data) : data };
  }

  /** Chunks of a chat carry it themselves, events of a response in their `response`. */
  private noteUsage(json: object): void {
    const { usage, response } = json as { usage?: unknown; response?: { usage?: unknown } | null };
    const found = usage ?? response?.usage;
    if (typeof found === 'object' && found !== null) this.usage = found;
  }
}

function parse(text: string): object | null {
  if (!text.startsWith('{') && !text.startsWith('[')) return null;
  try {
    return JSON.parse(text) as object;
  } catch {
    return null; // then it is passed on as the text that it is
  }
}

/** Whether an answer with this content type is a stream of events. */
export function isEventStream(contentType: string | undefined): boolean {
  return contentType !== undefined && /^text\/event-stream\s*(;|$)/i.test(contentType);
}
