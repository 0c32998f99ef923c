/** Requests to the server: the key, JSON both ways, errors as ApiError, tries again where that is safe. */
import { ApiError } from './api-error.js';
import { backoffMs, pause } from './backoff.js';

export interface ConnectionOptions {
  /** The server, such as `http://127.0.0.1:8080`. */
  url: string;
  /** API key. */
  key: string;
  /** In place of the global `fetch`. */
  fetch?: typeof fetch;
}

export interface CallOptions {
  /** Made JSON text, unless it is text: that is sent as it is. */
  body?: unknown;
  headers?: Readonly<Record<string, string>>;
  /** Ends the wait for an answer; an answer that has begun is read to its end. */
  signal?: AbortSignal | undefined;
  /** Until the whole answer is here. */
  timeoutMs?: number;
}

const TIMEOUT_MS = 60_000;
const TRIES = 10;
/** For a 401 of the Task API, which comes without a body. */
const WRONG_KEY = 'The server does not accept the key (status 401): it is unknown, was revoked, or has expired.';
const ABOUT = { url: 'address of the server, such as http://127.0.0.1:8080', key: 'API key, such as mr_…' };

export class Connection {
  private readonly base: string;
  private readonly fetch: typeof fetch;

  constructor(private readonly options: ConnectionOptions) {
    // Both mostly come from variables, which may not be set, and TypeScript is not everywhere.
    for (const name of ['url', 'key'] as const) {
      if (!options[name]) throw new TypeError(`'${name}' is missing: give the ${ABOUT[name]}.`);
    }
    if (!URL.canParse(options.url)) throw new TypeError(`'url' is no URL: '${options.url}'. Give the ${ABOUT.url}.`);
    this.base = options.url.replace(/\/+$/, '');
    this.fetch = options.fetch ?? globalThis.fetch.bind(globalThis);
  }

  /** The answer, whatever its status, as soon as it begins. Rejects with an ApiError when there is none. */
  async open(method: string, path: string, { body, headers, signal }: CallOptions = {}): Promise<Response> {
    const authorization = `Bearer ${this.options.key}`;
    const type = body === undefined ? {} : { 'content-type': 'application/json' };
    const init: RequestInit = { method, headers: { ...headers, ...type, authorization } };
    if (signal) init.signal = signal;
    if (body !== undefined) init.body = typeof body === 'string' ? body : JSON.stringify(body);
    try {
      return await this.fetch(this.base + path, init);
    } catch (error) {
      throw unreachable(error);
    }
  }

  /** The answer's JSON; null when the answer is empty. Rejects with an ApiError unless it is a 2xx. */
  async ask<T>(method: string, path: string, options: CallOptions = {}): Promise<T> {
    const { response, text } = await this.exchange(method, path, options);
    if (!response.ok) throw refusal(response, text);
    return parse(response, text) as T;
  }

  /** Like `ask`, for what may be asked twice: up to ten times, for about 15 s in all, while the server is away or stops. */
  askAgain<T>(method: string, path: string, options: CallOptions = {}): Promise<T> {
    return this.again(() => this.ask<T>(method, path, options), options.signal);
  }

  /** Tries what may be done twice, as `askAgain` does. */
  async again<T>(once: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    for (let failures = 1; ; failures += 1) {
      try {
        return await once();
      } catch (error) {
        const isFinal = !(error instanceof ApiError) || !error.isPassing || error.status === 429;
        if (isFinal || failures === TRIES || signal?.aborted) throw error;
        await pause(Math.max(backoffMs(failures), error.retryAfterMs ?? 0), signal);
      }
    }
  }

  /** Asks for one thing, as `askAgain` does; null when there is no such thing. */
  async find<T>(path: string): Promise<T | null> {
    try {
      return await this.askAgain<T>('GET', path);
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return null;
      throw error;
    }
  }

  /** The whole answer, whatever its status. */
  async exchange(
    method: string,
    path: string,
    { signal, timeoutMs = TIMEOUT_MS, ...options }: CallOptions,
  ): Promise<{ response: Response; text: string }> {
    const ending = new AbortController();
    const giveUp = () => ending.abort(signal?.reason);
    if (signal?.aborted) giveUp();
    signal?.addEventListener('abort', giveUp);
    const timer = setTimeout(() => ending.abort(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
    try {
      const response = await this.open(method, path, { ...options, signal: ending.signal });
      signal?.removeEventListener('abort', giveUp);
      return { response, text: await response.text() };
    } catch (error) {
      throw error instanceof ApiError ? error : unreachable(error);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', giveUp);
    }
  }
}

function parse(response: Response, text: string): unknown {
  if (text === '') return null;
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ApiError('The answer is no JSON: something between here and the server wrote it.', {
      status: response.status,
      cause,
    });
  }
}

function unreachable(cause: unknown): ApiError {
  const { message, cause: reason } = cause as Error;
  const text = reason instanceof Error && reason.message !== '' ? `${message}: ${reason.message}` : message;
  return new ApiError(`The server gave no answer: ${text}`, { status: null, cause });
}

/** What an answer that is no 2xx says. */
export function refusal(response: Response, text: string): ApiError {
  const { status, headers } = response;
  const retryAfter = Number(headers.get('retry-after') ?? Number.NaN);
  const message = status === 401 && text === '' ? WRONG_KEY : messageIn(text);
  return new ApiError(message ?? `The server answered with status ${status}.`, {
    status,
    requestId: headers.get('x-request-id'),
    taskId: headers.get('x-millrace-task-id'),
    retryAfterMs: Number.isFinite(retryAfter) ? retryAfter * 1000 : null,
  });
}

function messageIn(text: string): string | null {
  try {
    const { message } = JSON.parse(text) as { message?: unknown };
    return typeof message === 'string' ? message : null;
  } catch {
    return null; // empty, or the words of a proxy
  }
}
