/**
 * One request and its answer, as a handler of undici's `dispatch`: the leanest way through it, and the one place where
 * bytes can be counted as they come.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { errors, type Dispatcher } from 'undici';
import { counted } from '../../kernel/counted.js';
import type { Slotted } from '../../kernel/slot-list.js';
import { isEventStream, type EventStreamReader } from './event-stream-reader.js';
import { retryAfterMsOf, UpstreamFailure, type UpstreamAnswer } from './upstream-answer.js';

/** Errors of undici and of the system that come before anything was sent. */
const BEFORE_SENDING = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EADDRNOTAVAIL',
  'ETIMEDOUT',
  'UND_ERR_CONNECT_TIMEOUT',
  'CERT_HAS_EXPIRED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'ERR_SSL_WRONG_VERSION_NUMBER',
  'EPROTO',
]);

export class UpstreamExchange implements Dispatcher.DispatchHandler, Slotted {
  slot = -1;
  readonly answer: Promise<UpstreamAnswer>;
  private resolve: (answer: UpstreamAnswer) => void;
  private reject: (failure: UpstreamFailure) => void;
  private controller: Dispatcher.DispatchController | null = null;
  private failure: UpstreamFailure | null = null;
  private chunks: Buffer[] = [];
  private bytes = 0;
  private status = 0;
  private headers: IncomingHttpHeaders = {};

  constructor(
    private readonly maxBytes: number,
    /** When the whole call must have ended, epoch ms. */
    readonly deadline: number,
    private readonly now: () => number,
    private readonly onEnd: (exchange: UpstreamExchange) => void,
    /** Takes the bytes of a good answer that is a stream of events, of which the answer then has none. */
    private reader: EventStreamReader | null,
  ) {
    this.answer = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }

  /** Gives the exchange up; its answer rejects with this failure. */
  abort(failure: UpstreamFailure): void {
    this.failure ??= failure;
    if (this.controller) this.controller.abort(this.failure);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.controller = controller;
    if (this.failure) controller.abort(this.failure);
  }

  onResponseStart(_: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    if (status < 200) return; // an interim answer, such as 103
    this.status = status;
    this.headers = headers;
    if (this.reader && (status >= 300 || !isEventStream(headers['content-type']))) this.reader = null;
  }

  onResponseData(_: Dispatcher.DispatchController, chunk: Buffer): void {
    this.bytes += chunk.length;
    if (this.bytes > this.maxBytes) {
      const message = `The answer of the upstream was larger than the ${counted(this.maxBytes, 'byte')} allowed.`;
      this.abort(new UpstreamFailure('too_large', message));
      return;
    }
    if (this.reader) this.reader.take(chunk);
    else this.chunks.push(chunk);
  }

  onResponseEnd(): void {
    const { headers, chunks } = this;
    this.reader?.end();
    this.end();
    const whole = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
    this.resolve({
      status: this.status,
      contentType: headers['content-type'] ?? '',
      requestId: (headers['x-request-id'] as string | undefined) ?? null,
      retryAfterMs: retryAfterMsOf(headers, this.now()),
      body: whole.toString('utf8'),
    });
  }

  /** Lets go of what came with the answer: whoever still holds the exchange would keep all of it alive. */
  private end(): void {
    this.controller = null;
    this.headers = {};
    this.chunks = [];
    this.reader = null;
    this.onEnd(this);
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    this.end();
    this.reject(this.failure ?? failureOf(error));
  }
}

export function failureOf(error: Error): UpstreamFailure {
  const code = (error as { code?: unknown }).code;
  if (typeof code === 'string' && BEFORE_SENDING.has(code)) {
    return new UpstreamFailure('unreachable', `The upstream could not be reached (${code}).`, error);
  }
  if (error instanceof errors.HeadersTimeoutError || error instanceof errors.BodyTimeoutError) {
    return new UpstreamFailure('timeout', 'Request timed out.', error);
  }
  return new UpstreamFailure(
    'broken',
    `The connection to the upstream failed (${typeof code === 'string' ? code : error.message}).`,
    error,
  );
}
