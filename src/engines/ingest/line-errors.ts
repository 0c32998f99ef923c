import type { LineError } from './line-check.js';

/** So many are kept; a file with more faults than this needs another look at what made it. */
export const MAX_KEPT_ERRORS = 1000;

/** Collects what is wrong with a file: the first thousand faults of lines in full, the rest as a number. */
export class LineErrors {
  private readonly kept: LineError[] = [];
  private total = 0;

  get isEmpty(): boolean {
    return this.total === 0;
  }

  add(error: LineError): void {
    this.total += 1;
    if (error.line === null || this.kept.length < MAX_KEPT_ERRORS) this.kept.push(error);
  }

  /** The JSON of `batch.errors`. */
  toJson(): string {
    const more = this.total - this.kept.length;
    const data = [...this.kept];
    if (more > 0) {
      data.push({ code: 'more_errors', message: `${more} more errors are not listed.`, param: null, line: null });
    }
    return JSON.stringify({ object: 'list', data });
  }
}
