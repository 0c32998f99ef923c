/** Cuts the bodies of batch lines out of their input files, neighbours together: a worker's take is a stretch of a file. */
import { Injectable } from '@nestjs/common';
import { BlobStore } from '../../ports/blob-store.js';
import { BatchStore } from '../../store/batch.store.js';
import { FileStore } from '../../store/file.store.js';

/** Where a line's body stands. */
export interface LinePlace {
  seq: number;
  batchSeq: number;
  bodyOffset: number;
  bodyLength: number;
}

/** One read holds at most this, unless a single body is larger. */
const MAX_RANGE_BYTES = 8 * 1024 * 1024;
/** Bytes between two bodies that are cheaper read along than skipped: the rest of a line. */
const MAX_GAP_BYTES = 4096;
const MAX_KNOWN_BATCHES = 200;

interface Range {
  start: number;
  end: number;
  lines: LinePlace[];
}

@Injectable()
export class LineBodies {
  /** The input blob of a batch never changes. */
  private readonly blobKeys = new Map<number, string>();

  constructor(
    private readonly batches: BatchStore,
    private readonly files: FileStore,
    private readonly blobs: BlobStore,
  ) {}

  /** JSON texts by the lines' `seq`; the error in the place of those that cannot be read. */
  async read(lines: readonly LinePlace[]): Promise<Map<number, string | Error>> {
    const bodies = new Map<number, string | Error>();
    for (const batchSeq of new Set(lines.map((line) => line.batchSeq))) {
      for (const range of rangesOf(lines.filter((line) => line.batchSeq === batchSeq))) {
        try {
          await this.readRange(batchSeq, range, bodies);
        } catch (error) {
          for (const { seq } of range.lines) bodies.set(seq, error as Error);
        }
      }
    }
    return bodies;
  }

  private async readRange(batchSeq: number, { start, end, lines }: Range, into: Map<number, string | Error>) {
    const key = await this.blobKeyOf(batchSeq);
    const bytes = await this.blobs.readRange(key, start, end - start);
    if (bytes.length < end - start) throw new Error(`the blob ${key} ends before ${end}`);
    for (const { seq, bodyOffset, bodyLength } of lines) {
      into.set(seq, bytes.toString('utf8', bodyOffset - start, bodyOffset - start + bodyLength));
    }
  }

  private async blobKeyOf(batchSeq: number): Promise<string> {
    const known = this.blobKeys.get(batchSeq);
    if (known !== undefined) return known;
    const { inputBlobSeq } = await this.batches.bySeq(batchSeq);
    const { key } = await this.files.blob(inputBlobSeq);
    if (this.blobKeys.size >= MAX_KNOWN_BATCHES) this.blobKeys.clear();
    this.blobKeys.set(batchSeq, key);
    return key;
  }
}

function rangesOf(lines: readonly LinePlace[]): Range[] {
  const ranges: Range[] = [];
  for (const line of lines.toSorted((a, b) => a.bodyOffset - b.bodyOffset)) {
    const start = line.bodyOffset;
    const end = start + line.bodyLength;
    const last = ranges.at(-1);
    if (last && start - last.end <= MAX_GAP_BYTES && end - last.start <= MAX_RANGE_BYTES) {
      last.end = Math.max(last.end, end);
      last.lines.push(line);
    } else {
      ranges.push({ start, end, lines: [line] });
    }
  }
  return ranges;
}
