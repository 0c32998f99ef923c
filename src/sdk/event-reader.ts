/** One event of a stream of server-sent events. */
export interface TaskEvent {
  /** As its maker named it, or as the server did; null when it has none. */
  id: string | null;
  name: string | null;
  /** As it came. */
  text: string;
  /** The text's JSON, or the text itself where it is none, such as `[DONE]`. */
  data: unknown;
}

/** The events of an answer, each as soon as it is whole. Comments are left out. */
export async function* readEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<TaskEvent, void, void> {
  let rest = '';
  let frame = new Frame();
  for await (const piece of textOf(body)) {
    // A lone CR at the end may be the first half of a CRLF.
    const lines = (rest + piece).split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop()!;
    for (const line of lines) {
      if (line !== '') frame.add(line);
      else {
        const event = frame.event();
        frame = new Frame();
        if (event !== null) yield event;
      }
    }
  }
}

async function* textOf(body: ReadableStream<Uint8Array>): AsyncGenerator<string, void, void> {
  const decoder = new TextDecoder();
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield decoder.decode(value, { stream: true });
    }
  } finally {
    await reader.cancel().catch(() => null); // it was cut already
  }
}

class Frame {
  private id: string | null = null;
  private name: string | null = null;
  private readonly data: string[] = [];

  add(line: string): void {
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'id') this.id = value;
    else if (field === 'event') this.name = value;
    else if (field === 'data') this.data.push(value);
  }

  /** Null when it has no data, as the standard says. */
  event(): TaskEvent | null {
    if (this.data.length === 0) return null;
    const text = this.data.join('\n');
    return { id: this.id, name: this.name, text, data: jsonOr(text) };
  }
}

function jsonOr(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
