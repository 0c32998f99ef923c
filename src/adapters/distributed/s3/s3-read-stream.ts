/**
 * A stretch of a blob as a stream that outlives its connections: when one breaks, the next goes on from the byte that was
 * reached, and only if the object is still the same one. No byte comes twice or is left out.
 */
import { finished, Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ByteSpan, S3Access, S3Content } from './s3-access.js';
import { isBeyondTheEnd, storageUnavailable } from './s3-errors.js';

/** Breaks in a row without a byte between them. */
const MAX_BARREN_BREAKS = 5;
/** Doubled from break to break. */
const FIRST_PAUSE_MS = 100;
/** One chunk of a socket: more would be joined for whoever reads all there is, and each copy lies about for a while. */
const BUFFERED_BYTES = 64 * 1024;

export class S3ReadStream extends Readable {
  private body: Readable | null = null;
  private offset: number;
  private readonly end: number;
  private barrenBreaks = 0;

  private constructor(
    private readonly access: S3Access,
    private readonly key: string,
    start: number,
    readonly content: S3Content,
  ) {
    super({ highWaterMark: BUFFERED_BYTES });
    this.offset = start;
    this.end = start + content.length;
    this.attach(content.body);
  }

  /** Null when the span begins at or after the end of the blob. Rejects as `S3Access` does, before any byte. */
  static async open(access: S3Access, key: string, span: ByteSpan): Promise<S3ReadStream | null> {
    try {
      return new S3ReadStream(access, key, span.start, await access.get(key, span));
    } catch (error) {
      if (isBeyondTheEnd(error)) return null;
      throw error;
    }
  }

  override _read(): void {
    this.body?.resume();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.body?.destroy();
    done(error);
  }

  private attach(body: Readable): void {
    this.body = body;
    body.on('data', (chunk: Buffer) => {
      this.offset += chunk.length;
      this.barrenBreaks = 0;
      if (!this.push(chunk)) body.pause();
    });
    finished(body, (error) => {
      if (this.destroyed) return;
      this.body = null;
      if (this.offset === this.end) this.push(null);
      else void this.goOn(error);
    });
  }

  private async goOn(cause: unknown): Promise<void> {
    try {
      await this.reconnect(cause);
    } catch (error) {
      this.destroy(error as Error);
    }
  }

  private async reconnect(cause: unknown): Promise<void> {
    this.barrenBreaks += 1;
    if (this.barrenBreaks > MAX_BARREN_BREAKS) throw storageUnavailable(cause);
    await sleep(FIRST_PAUSE_MS * 2 ** (this.barrenBreaks - 1));
    if (this.destroyed) return;
    const { body } = await this.access.get(this.key, { start: this.offset, end: this.end, etag: this.content.etag });
    if (this.destroyed) body.destroy();
    else this.attach(body);
  }
}
