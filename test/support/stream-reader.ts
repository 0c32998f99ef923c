/** A stream of server-sent events as its bytes arrive. */
export class StreamReader {
  private received = '';
  private readonly reader: ReadableStreamDefaultReader<Uint8Array>;
  private readonly decoder = new TextDecoder();

  constructor(readonly response: Response) {
    this.reader = response.body!.getReader();
  }

  /** All that has come, once it holds `text`; rejects when the stream ends without it. */
  async until(text: string): Promise<string> {
    while (!this.received.includes(text)) {
      if (await this.step()) throw new Error(`The stream ended without ${JSON.stringify(text)}: ${this.received}`);
    }
    return this.received;
  }

  /** All that has come, when it has ended. */
  async end(): Promise<string> {
    while (!(await this.step()));
    return this.received;
  }

  /** Hangs up. */
  cancel(): Promise<void> {
    return this.reader.cancel();
  }

  private async step(): Promise<boolean> {
    const { done, value } = await this.reader.read();
    if (value) this.received += this.decoder.decode(value, { stream: true });
    return done;
  }
}
