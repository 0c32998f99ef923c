import { ERROR_CATALOG, type ErrorCode } from './error-catalog.js';

/** A 503 passes, so it always says when to come again. */
const USUAL_RETRY_MS = 1_000;

export interface ErrorDetails {
  /** Name of the offending field in dots from the root of the request, e.g. `metadata.tags`. */
  param?: string;
  /** Milliseconds after which trying again makes sense; becomes `Retry-After`. */
  retryAfterMs?: number;
  /** The original error, for the log only; callers never see it. */
  cause?: unknown;
}

/** What a MillraceError looks like where classes do not survive: across threads and in logs. */
export interface PlainError {
  code: ErrorCode;
  message: string;
  param: string | null;
  retryAfterMs: number | null;
}

/**
 * An expected failure, with a sentence for the caller that names the place and the fix.
 * Everything else that is thrown is a defect: logged whole, answered as a bare 500.
 */
export class MillraceError extends Error {
  readonly code: ErrorCode;
  readonly param: string | null;
  readonly retryAfterMs: number | null;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'MillraceError';
    this.code = code;
    this.param = details.param ?? null;
    this.retryAfterMs = details.retryAfterMs ?? (ERROR_CATALOG[code] === 503 ? USUAL_RETRY_MS : null);
  }

  get status(): number {
    return ERROR_CATALOG[this.code];
  }

  toPlain(): PlainError {
    return { code: this.code, message: this.message, param: this.param, retryAfterMs: this.retryAfterMs };
  }

  static fromPlain(plain: PlainError): MillraceError {
    return new MillraceError(plain.code, plain.message, {
      ...(plain.param === null ? {} : { param: plain.param }),
      ...(plain.retryAfterMs === null ? {} : { retryAfterMs: plain.retryAfterMs }),
    });
  }
}

/** Whether it only says that the store, or what holds the blobs, cannot be reached just now. */
export function isOutage(error: unknown): error is MillraceError {
  return error instanceof MillraceError && (error.code === 'store_unavailable' || error.code === 'storage_unavailable');
}

/** What a line of the log says of an outage, in place of the error with its stack. */
export function briefOf({ message, cause }: MillraceError): { outage: string; cause?: string } {
  return cause === undefined ? { outage: message } : { outage: message, cause: messageOf(cause) };
}

/** The message of anything that was thrown; its code where it has none, as an error of tries at several addresses. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.message || ('code' in error ? String(error.code) : '');
}
