/** The little that can be said of a batch's input before somebody makes a batch of it: whether it looks like JSONL at all. */
import { MillraceError, messageOf } from '../../kernel/errors.js';

const LINE_FEED = 0x0a;
const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);
/** A longer first line is left to the validation of the batch. */
const MAX_FIRST_LINE_BYTES = 1024 * 1024;

/** Collects the first line of a file that passes by, at most about 1 MiB of it. */
export class FirstLine {
  private pieces: Buffer[] = [];
  private bytes = 0;
  private isWhole = false;

  add(chunk: Buffer): void {
    if (this.isWhole || this.isTooLong) return;
    const end = chunk.indexOf(LINE_FEED);
    const piece = end < 0 ? chunk : chunk.subarray(0, end);
    this.isWhole = end >= 0;
    this.bytes += piece.length;
    if (this.isTooLong) this.pieces = [];
    else this.pieces.push(piece);
  }

  get isTooLong(): boolean {
    return this.bytes > MAX_FIRST_LINE_BYTES;
  }

  /** Without the line feed. Empty when it was too long. */
  text(): string {
    const line = Buffer.concat(this.pieces);
    const from = line.subarray(0, BYTE_ORDER_MARK.length).equals(BYTE_ORDER_MARK) ? BYTE_ORDER_MARK.length : 0;
    return line.toString('utf8', from);
  }
}

/** Refuses with `invalid_file_format` what cannot be the input of a batch. */
export function checkBatchFile(filename: string, bytes: number, firstLine: FirstLine): void {
  if (!filename.toLowerCase().endsWith('.jsonl')) {
    throw new MillraceError('invalid_file_format', 'Invalid file format for Batch API. Must be .jsonl');
  }
  if (bytes === 0)
    throw new MillraceError('invalid_file_format', 'Invalid file format for Batch API. The file is empty.');
  if (firstLine.isTooLong) return;
  try {
    JSON.parse(firstLine.text());
  } catch (error) {
    const text = `Invalid file format for Batch API. Line 1 is not valid JSON: ${messageOf(error)}`;
    throw new MillraceError('invalid_file_format', text);
  }
}
