/** The HTTP interface as commands use it: JSON in, JSON out, files as streams. */
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { Agent, request, type Dispatcher } from 'undici';
import { refusalOf, silenceOf, UnreachableError } from './api-error.js';
import type { ServerAddress } from './server-address.js';
import type { WirePage } from './wire.js';

export interface AskOptions {
  /** Sent as JSON. */
  body?: object;
  headers?: Readonly<Record<string, string>>;
  signal?: AbortSignal | undefined;
}

export interface PatienceOptions {
  signal?: AbortSignal | undefined;
  /** How long a server may be away. */
  patienceMs?: number;
  /** Told once, when the server goes missing. */
  onSilence?: (error: UnreachableError) => void;
}

type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE';

const PATIENCE_MS = 5 * 60_000;
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 5_000;
const LONGEST_PAGE = 100;
/** A large upload is answered only when all of it is on the disk of the server. */
const UPLOAD_ANSWER_MS = 10 * 60_000;

export class ApiClient {
  /** Of its own, so that `close` lets the process end at once. */
  private readonly agent = new Agent({ headersTimeout: UPLOAD_ANSWER_MS });

  constructor(private readonly server: ServerAddress) {}

  get url(): string {
    return this.server.url;
  }

  close(): Promise<void> {
    return this.agent.destroy();
  }

  /**
   * The answer, parsed. `path` such as `/v1/batches`.
   *
   * @throws ApiError when the server refuses; UnreachableError when it does not answer or is not ready
   */
  async ask<T>(method: Method, path: string, { body, headers, signal }: AskOptions = {}): Promise<T> {
    const json = body === undefined ? {} : { body: JSON.stringify(body) };
    const type = body === undefined ? {} : { 'content-type': 'application/json' };
    const answer = await this.send(path, { method, ...json, headers: { ...type, ...headers }, signal });
    return (await this.readAll(answer, signal).then(JSON.parse)) as T;
  }

  get<T>(path: string, signal?: AbortSignal): Promise<T> {
    return this.ask('GET', path, { signal });
  }

  post<T>(path: string, body: object = {}): Promise<T> {
    return this.ask('POST', path, { body });
  }

  /** Every item of a list, page by page; at most `most`. */
  async list<T extends { id: string }>(path: string, most = Number.POSITIVE_INFINITY): Promise<T[]> {
    const items: T[] = [];
    for (let after = ''; ;) {
      const limit = Math.min(LONGEST_PAGE, most - items.length);
      const page = await this.get<WirePage<T>>(`${path}?limit=${limit}${after && `&after=${after}`}`);
      items.push(...page.data);
      if (!page.has_more || items.length >= most || page.data.length === 0) return items;
      after = encodeURIComponent(page.data.at(-1)!.id);
    }
  }

  /** Sends `body`, which is a whole multipart form. */
  async upload<T>(path: string, body: Readable, contentType: string, signal?: AbortSignal): Promise<T> {
    const headers = { 'content-type': contentType };
    const answer = await this.send(path, { method: 'POST', body, headers, signal });
    return (await this.readAll(answer, signal).then(JSON.parse)) as T;
  }

  /** The bytes of an answer, as they come. Read them to the end or destroy the stream. */
  async download(path: string, signal?: AbortSignal): Promise<Readable> {
    return (await this.send(path, { method: 'GET', signal })).body;
  }

  private async send(
    path: string,
    options: Omit<Dispatcher.RequestOptions, 'path' | 'origin' | 'signal'> & { signal?: AbortSignal | undefined },
  ): Promise<Dispatcher.ResponseData> {
    const { key, url } = this.server;
    const auth = key === null ? {} : { authorization: `Bearer ${key}` };
    const { signal, ...rest } = options;
    let answer: Dispatcher.ResponseData;
    try {
      answer = await request(url + path, {
        ...rest,
        ...(signal === undefined ? {} : { signal }),
        headers: { ...auth, ...(options.headers as Record<string, string> | undefined) },
        dispatcher: this.agent,
      });
    } catch (error) {
      signal?.throwIfAborted();
      throw silenceOf(url, error);
    }
    if (answer.statusCode < 300) return answer;
    throw refusalOf(url, answer.statusCode, await this.readAll(answer, signal));
  }

  private async readAll({ body }: Dispatcher.ResponseData, signal?: AbortSignal): Promise<string> {
    try {
      return await body.text();
    } catch (error) {
      signal?.throwIfAborted();
      throw silenceOf(this.server.url, error);
    }
  }
}

/** Does `work` again and again while the server is away, as during its restart. For work that may be repeated. */
export async function patiently<T>(work: () => Promise<T>, options: PatienceOptions = {}): Promise<T> {
  const { signal, patienceMs = PATIENCE_MS, onSilence } = options;
  const startedAt = performance.now();
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs * 2)) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof UnreachableError) || performance.now() - startedAt > patienceMs) throw error;
      if (pauseMs === FIRST_PAUSE_MS) onSilence?.(error);
    }
    await sleep(pauseMs, undefined, { signal });
  }
}
