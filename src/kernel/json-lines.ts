/**
 * Cuts a stream of bytes into lines, with what a batch needs of each: its 1-based number, where it starts and how
 * long it is. Never holds more than one line plus one chunk; a line over the limit is reported and skipped, not kept.
 * Lines come in groups, so that the caller does not wait once a line.
 */
export interface RawLine {
  /** 1-based, blank lines counted, as an editor shows it. */
  number: number;
  /** Byte offset of the line's first byte in the stream. */
  offset: number;
  /** Without the line feed, to be read before the next group is asked for. Null when the line was longer than the limit. */
  bytes: Buffer | null;
}

const LINE_FEED = 0x0a;
/** A chunk of nothing but line feeds would else become a hundred times its size in lines at once. */
const GROUP_LINES = 1_000;
const EMPTY = Buffer.alloc(0);
/** Memory that is not written to costs nothing, so rather too much of it than a line copied many times. */
const GROWTH = 4;
export const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);

export async function* readLines(chunks: AsyncIterable<Buffer>, maxLineBytes: number): AsyncGenerator<RawLine[]> {
  let number = 0;
  let lineStart = 0; // stream offset of the line being collected
  const held = new HeldStart(); // what earlier chunks had of it
  let isTooLong = false;
  let position = 0; // stream offset of the current chunk

  const finish = (last: Buffer, end: number): RawLine => {
    const isOver = isTooLong || held.length + last.length > maxLineBytes;
    let bytes = isOver ? null : held.length === 0 ? last : held.with(last);
    let offset = lineStart;
    if (number === 0 && bytes?.subarray(0, 3).equals(BYTE_ORDER_MARK)) {
      bytes = bytes.subarray(3);
      offset += 3;
    }
    number += 1;
    held.clear();
    isTooLong = false;
    lineStart = end + 1;
    return { number, offset, bytes };
  };

  for await (const chunk of chunks) {
    let lines: RawLine[] = [];
    let from = 0;
    for (let at = chunk.indexOf(LINE_FEED); at >= 0; at = chunk.indexOf(LINE_FEED, from)) {
      lines.push(finish(at === from ? EMPTY : chunk.subarray(from, at), position + at));
      from = at + 1;
      if (lines.length === GROUP_LINES) {
        yield lines;
        lines = [];
      }
    }
    if (lines.length > 0) yield lines;
    if (from < chunk.length && !isTooLong) {
      isTooLong = held.length + chunk.length - from > maxLineBytes;
      if (isTooLong) held.clear();
      else held.add(chunk.subarray(from));
    }
    position += chunk.length;
  }
  if (held.length > 0 || isTooLong) yield [finish(EMPTY, position)];
}

/**
 * The beginning of a line whose end is in a later chunk. One piece of memory for all such lines of a stream: made anew for
 * each, long ones would lie about by the dozen until they are collected.
 */
class HeldStart {
  length = 0;
  private bytes = EMPTY;

  add(piece: Buffer): void {
    const length = this.length + piece.length;
    if (length > this.bytes.length) {
      const larger = Buffer.allocUnsafeSlow(GROWTH * length);
      this.bytes.copy(larger, 0, 0, this.length);
      this.bytes = larger;
    }
    piece.copy(this.bytes, this.length);
    this.length = length;
  }

  /** The whole line, until something is added again. */
  with(end: Buffer): Buffer {
    this.add(end);
    return this.bytes.subarray(0, this.length);
  }

  clear(): void {
    this.length = 0;
  }
}

/** Whether a line, without its line feed, holds nothing but white space as JSON has it. Mostly the first byte tells. */
export function isBlank(bytes: Buffer): boolean {
  for (const byte of bytes) if (byte !== 0x20 && byte !== 0x09 && byte !== 0x0d) return false;
  return true;
}
