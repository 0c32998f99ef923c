/** The little that can be said of a batch's input before somebody makes a batch of it: whether it looks like JSONL at all. */
import { MillraceError, messageOf } from '../../kernel/errors.js';
import { BYTE_ORDER_MARK, isBlank } from '../../kernel/json-lines.js';

const LINE_FEED = 0x0a;
/** A longer first line is left to the validation of the batch: parsing it here would keep others waiting. */
const MAX_FIRST_LINE_BYTES = 64 * 1024;

/** Collects the first line that is not blank of a file that passes by, at most about 64 KiB of it. */
export class FirstLine {
  /** 1-based, as an editor shows it. */
  number = 1;
  private pieces: Buffer[] = [];
  private bytes = 0;
  private isWhole = false;

  add(chunk: Buffer): void {
    for (let from = 0; from < chunk.length && !this.isWhole && !this.isTooLong;) {
      const end = chunk.indexOf(LINE_FEED, from);
      if (end !== from) this.collect(chunk.subarray(from, end < 0 ? chunk.length : end));
      if (end < 0) return;
      this.isWhole = this.bytes > 0 && (this.isTooLong || this.text() !== '');
      if (!this.isWhole) this.startAnew();
      from = end + 1;
    }
  }

  get isTooLong(): boolean {
    return this.bytes > MAX_FIRST_LINE_BYTES;
  }

  /** Without a byte order mark. Empty when it is blank, or was too long, or there was none. */
  text(): string {
    const whole = Buffer.concat(this.pieces);
    const isMarked = this.number === 1 && whole.subarray(0, BYTE_ORDER_MARK.length).equals(BYTE_ORDER_MARK);
    const line = isMarked ? whole.subarray(BYTE_ORDER_MARK.length) : whole;
    return isBlank(line) ? '' : line.toString('utf8');
  }

  private collect(piece: Buffer): void {
    this.bytes += piece.length;
    if (this.isTooLong) this.pieces = [];
    else this.pieces.push(piece);
  }

  private startAnew(): void {
    this.number += 1;
    if (this.bytes === 0) return;
    this.pieces = [];
    this.bytes = 0;
  }
}

/** Refuses with `invalid_file_format` what cannot be the input of a batch. */
export function checkBatchFile(filename: string, firstLine: FirstLine): void {
  if (!filename.toLowerCase().endsWith('.jsonl')) throw refusal('Must be .jsonl');
  if (firstLine.isTooLong) return;
  const text = firstLine.text();
  if (text === '') throw refusal('The file is empty.');
  try {
    JSON.parse(text);
  } catch (error) {
    throw refusal(`Line ${firstLine.number} is not valid JSON: ${messageOf(error)}`);
  }
}

function refusal(why: string): MillraceError {
  return new MillraceError('invalid_file_format', `Invalid file format for Batch API. ${why}`);
}
