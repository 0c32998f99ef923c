/** A caller of streaming tasks, who reads frame by frame. */
import type { TestServer } from './server.js';

/** One server-sent event, as it came. */
export interface Frame {
  id: string | null;
  event: string | null;
  data: string;
}

export class StreamCall {
  private readonly reader: ReadableStreamDefaultReader<string>;
  private text = '';

  private constructor(
    readonly response: Response,
    private readonly leaving: AbortController,
  ) {
    this.reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  }

  static async open(server: TestServer, body: object): Promise<StreamCall> {
    const leaving = new AbortController();
    const response = await server.fetch('/v1/queue/put', {
      method: 'POST',
      headers: { authorization: `Bearer ${server.adminKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({ ...body, response_mode: 'streaming' }),
      signal: leaving.signal,
    });
    return new StreamCall(response, leaving);
  }

  /** Listens to a task that is there already. */
  static async join(server: TestServer, taskId: string): Promise<StreamCall> {
    const leaving = new AbortController();
    const headers = { authorization: `Bearer ${server.adminKey}` };
    const response = await server.fetch(`/v1/queue/${taskId}/events`, { headers, signal: leaving.signal });
    return new StreamCall(response, leaving);
  }

  get taskId(): string {
    return this.response.headers.get('x-millrace-task-id')!;
  }

  /** The next event, or null at the end. */
  async next(): Promise<Frame | null> {
    for (;;) {
      const end = this.text.indexOf('\n\n');
      if (end >= 0) {
        const frame = this.text.slice(0, end);
        this.text = this.text.slice(end + 2);
        if (!frame.startsWith(':')) return frameOf(frame);
        continue;
      }
      const { value, done } = await this.reader.read();
      if (done) return null;
      this.text += value;
    }
  }

  async rest(): Promise<Frame[]> {
    const frames: Frame[] = [];
    for (let frame = await this.next(); frame !== null; frame = await this.next()) frames.push(frame);
    return frames;
  }

  hangUp(): void {
    this.leaving.abort();
  }
}

function frameOf(text: string): Frame {
  const fields = text.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]);
  const first = (name: string) => fields.find(([field]) => field === name)?.[1] ?? null;
  const data = fields.flatMap(([field, value]) => (field === 'data' ? [value!] : []));
  return { id: first('id'), event: first('event'), data: data.join('\n') };
}
