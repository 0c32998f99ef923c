export interface ApiErrorDetails {
  /** HTTP status; null when there was no answer. */
  status: number | null;
  /** Of the request, for the server's log; null when the server gave none. */
  requestId?: string | null;
  /** The task that the request has put or joined, although it got no answer of it. */
  taskId?: string | null;
  /** How long the server asks to wait before the next try, ms. */
  retryAfterMs?: number | null;
  cause?: unknown;
}

/** The server refused, had trouble, or could not be reached (`status` null). The message is the server's own. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: number | null;
  readonly requestId: string | null;
  readonly taskId: string | null;
  readonly retryAfterMs: number | null;

  constructor(message: string, details: ApiErrorDetails) {
    super(message, { cause: details.cause });
    this.status = details.status;
    this.requestId = details.requestId ?? null;
    this.taskId = details.taskId ?? null;
    this.retryAfterMs = details.retryAfterMs ?? null;
  }

  /** Whether the same request may well succeed a little later: nobody answered, or somebody is starting or stopping. */
  get isPassing(): boolean {
    return this.status === null || [408, 429, 502, 503, 504].includes(this.status);
  }
}
