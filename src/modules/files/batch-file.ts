/** The little that can be said of a batch's input before somebody makes a batch of it: whether it looks like JSONL at all. */
import { MillraceError, messageOf } from '../../kernel/errors.js';

const LINE_FEED = 0x0a;
const BYTE_ORDER_MARK = '\uFEFF';
const BLANKS = new Set([' ', '\t', '\r']);
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

  /** Without a byte order mark, and what JSON takes for white space around it. Empty when it was too long, or there was none. */
  text(): string {
    const text = Buffer.concat(this.pieces).toString('utf8');
    let start = this.number === 1 && text.startsWith(BYTE_ORDER_MARK) ? 1 : 0;
    let end = text.length;
    while (start < end && BLANKS.has(text[start]!)) start += 1;
    while (end > start && BLANKS.has(text[end - 1]!)) end -= 1;
    return text.slice(start, end);
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
