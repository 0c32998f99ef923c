/**
 * Ranges of blobs in memory, each aligned and of one size, because a dispatcher and a worker's take cut thousands of lines
 * from one input, front to back. Whoever wants a range that is on its way waits for it with the others.
 *
 * A finished blob never changes, so what is here stays right; one that was replaced all the same is noticed by its ETag and
 * refused, never mixed. Only a blob that another process deleted may be read from here for a while.
 */
import { finished } from 'node:stream/promises';
import type { S3Access } from './s3-access.js';
import { ReplacedBlob } from './s3-errors.js';
import { S3ReadStream } from './s3-read-stream.js';

/** Many lines for the price of one request, and no more than that: ranges are most of what S3 costs in memory. */
export const RANGE_BYTES = 2 * 1024 * 1024;
/** Eight inputs in work at once without reading any of their bytes twice. */
const MAX_BYTES = 8 * RANGE_BYTES;
/** All who work on one input read it front to back, not far from each other: what lies further back is not wanted again. */
const MAX_OF_ONE_BLOB = 3;

interface KnownBlob {
  key: string;
  /** Null until the first range has come. */
  etag: string | null;
  ranges: Map<number, CachedRange>;
}

interface CachedRange {
  blob: KnownBlob;
  index: number;
  content: Promise<Buffer>;
  /** Null until it has come. */
  memory: Buffer | null;
  /** Counted as a whole range until it has come. */
  bytes: number;
}

export class S3RangeCache {
  private readonly blobs = new Map<string, KnownBlob>();
  /** In order of last use, oldest first. */
  private readonly ranges = new Set<CachedRange>();
  /** Memory of whole ranges that were let go, to serve again: left to the collector, it would lie about for long. */
  private readonly spare: Buffer[] = [];
  private bytes = 0;

  constructor(
    private readonly access: S3Access,
    private readonly maxBytes = MAX_BYTES,
  ) {}

  /** A copy of the bytes, so that who keeps a line does not keep its whole range; shorter only where the blob ends. */
  async read(key: string, start: number, length: number): Promise<Buffer> {
    const end = start + length;
    const pieces: Buffer[] = [];
    const blob = this.blobs.get(key) ?? this.begin(key);
    for (let index = Math.floor(start / RANGE_BYTES); index * RANGE_BYTES < end; index += 1) {
      const from = index * RANGE_BYTES;
      const range = await this.rangeOf(blob, index);
      // Copied in the very turn in which it came: only the answer to a later request overwrites memory that serves again.
      pieces.push(Buffer.from(range.subarray(Math.max(0, start - from), end - from)));
      if (range.length < RANGE_BYTES) break;
    }
    return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
  }

  /** Forgets a blob, because it was deleted or replaced. */
  drop(key: string): void {
    const blob = this.blobs.get(key);
    this.blobs.delete(key);
    for (const range of blob?.ranges.values() ?? []) this.forget(range);
  }

  private begin(key: string): KnownBlob {
    const blob: KnownBlob = { key, etag: null, ranges: new Map() };
    this.blobs.set(key, blob);
    return blob;
  }

  private rangeOf(blob: KnownBlob, index: number): Promise<Buffer> {
    const range = blob.ranges.get(index) ?? this.fetch(blob, index);
    if (this.ranges.delete(range)) this.ranges.add(range);
    return range.content;
  }

  private fetch(blob: KnownBlob, index: number): CachedRange {
    const content = this.load(blob, index);
    const range: CachedRange = { blob, index, content, memory: null, bytes: RANGE_BYTES };
    content.then(
      (memory) => this.keep(range, memory),
      // The reader gets the error; here it only means that there is nothing to keep.
      () => this.forget(range),
    );
    // Of a blob that was dropped meanwhile nothing is kept: its next reader begins anew.
    if (this.blobs.get(blob.key) !== blob) return range;
    blob.ranges.set(index, range);
    this.ranges.add(range);
    this.bytes += range.bytes;
    this.evict(range);
    return range;
  }

  private async load(blob: KnownBlob, index: number): Promise<Buffer> {
    const start = index * RANGE_BYTES;
    const { key } = blob;
    try {
      const stream = await S3ReadStream.open(this.access, key, { start, end: start + RANGE_BYTES, etag: blob.etag });
      if (stream === null) return Buffer.alloc(0);
      blob.etag ??= stream.content.etag;
      // Two first ranges that were asked for at once may be of two versions.
      if (blob.etag !== stream.content.etag) {
        stream.destroy();
        throw new ReplacedBlob(key, null);
      }
      return await this.fill(stream);
    } catch (error) {
      if (error instanceof ReplacedBlob && this.blobs.get(key) === blob) this.drop(key);
      throw error;
    }
  }

  private async fill(stream: S3ReadStream): Promise<Buffer> {
    const { length } = stream.content;
    const memory = (length === RANGE_BYTES && this.spare.pop()) || Buffer.allocUnsafeSlow(length);
    let filled = 0;
    stream.on('data', (chunk: Buffer) => {
      filled += chunk.copy(memory, filled);
    });
    await finished(stream);
    return memory;
  }

  private keep(range: CachedRange, memory: Buffer): void {
    if (!this.ranges.has(range)) return;
    this.bytes += memory.length - range.bytes;
    range.bytes = memory.length;
    range.memory = memory;
  }

  private forget(range: CachedRange): void {
    const { blob, index, memory } = range;
    if (this.ranges.delete(range)) {
      this.bytes -= range.bytes;
      if (memory?.length === RANGE_BYTES) this.spare.push(memory);
    }
    if (blob.ranges.get(index) === range) blob.ranges.delete(index);
    if (blob.ranges.size === 0 && this.blobs.get(blob.key) === blob) this.blobs.delete(blob.key);
  }

  /** A range on its way is not stopped by this: its readers get it, and then it is gone. */
  private evict(kept: CachedRange): void {
    const siblings = kept.blob.ranges;
    for (const range of this.ranges) {
      const isOneTooMany = range.blob === kept.blob && siblings.size > MAX_OF_ONE_BLOB;
      if (range !== kept && (isOneTooMany || this.bytes > this.maxBytes)) this.forget(range);
    }
  }
}
