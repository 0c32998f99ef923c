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
  /** Without the line feed. Null when the line was longer than the limit. */
  bytes: Buffer | null;
}

const LINE_FEED = 0x0a;
/** A chunk of nothing but line feeds would else become a hundred times its size in lines at once. */
const GROUP_LINES = 1_000;
const EMPTY = Buffer.alloc(0);
export const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);

export async function* readLines(chunks: AsyncIterable<Buffer>, maxLineBytes: number): AsyncGenerator<RawLine[]> {
  let number = 0;
  let lineStart = 0; // stream offset of the line being collected
  let held: Buffer[] = []; // its pieces from earlier chunks
  let heldBytes = 0;
  let isTooLong = false;
  let position = 0; // stream offset of the current chunk

  const finish = (last: Buffer, end: number): RawLine => {
    const length = heldBytes + last.length;
    const isOver = isTooLong || length > maxLineBytes;
    let bytes = isOver ? null : held.length === 0 ? last : Buffer.concat([...held, last], length);
    let offset = lineStart;
    if (number === 0 && bytes?.subarray(0, 3).equals(BYTE_ORDER_MARK)) {
      bytes = bytes.subarray(3);
      offset += 3;
    }
    number += 1;
    held = [];
    heldBytes = 0;
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
    if (from < chunk.length && !isTooLong) {
      const rest = chunk.subarray(from);
      heldBytes += rest.length;
      if (heldBytes > maxLineBytes) {
        isTooLong = true;
        held = [];
      } else {
        held.push(rest);
      }
    }
    position += chunk.length;
    if (lines.length > 0) yield lines;
  }
  if (heldBytes > 0 || isTooLong) yield [finish(EMPTY, position)];
}

/** Whether a line, without its line feed, holds nothing but white space as JSON has it. Mostly the first byte tells. */
export function isBlank(bytes: Buffer): boolean {
  for (const byte of bytes) if (byte !== 0x20 && byte !== 0x09 && byte !== 0x0d) return false;
  return true;
}
