import type { IncomingMessage, ServerResponse } from 'node:http';
import type { SimError } from './sim-error.js';
import type { SimLedger } from './sim-ledger.js';

export const JSON_TYPE = 'application/json';
export const EVENT_STREAM_TYPE = 'text/event-stream; charset=utf-8';

const NO_HEADERS: readonly string[] = [];

/**
 * One request that came in whole and what becomes of it. Settles itself in the ledger exactly once: when the last
 * byte is handed over, or when the client has left. An answer that is sent at once costs no listener and no timer.
 */
export class Exchange {
  private status: number | 'none' = 'none';
  private isSettled = false;
  private isWatched = false;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    readonly request: IncomingMessage,
    readonly response: ServerResponse,
    private readonly ledger: SimLedger,
  ) {
    ledger.open();
  }

  /** Sends a whole answer. `headers` are names and values in turn. */
  send(status: number, contentType: string, body: string, headers = NO_HEADERS): void {
    this.begin(status, contentType, ['content-length', String(Buffer.byteLength(body)), ...headers]);
    this.settle();
    this.response.end(body);
  }

  sendError(error: SimError, headers = NO_HEADERS): void {
    this.send(error.status, JSON_TYPE, error.body(), headers);
  }

  /** Sends the head of an answer; its body follows in `response.write` and `end`, in chunks if no length is given. */
  begin(status: number, contentType: string, headers = NO_HEADERS): void {
    this.status = status;
    const requestId = `req_${this.ledger.requests.toString(16).padStart(32, '0')}`;
    this.response.writeHead(status, ['content-type', contentType, 'x-request-id', requestId, ...headers]);
  }

  /** Sends the last piece of a body begun with `begin`. */
  end(piece: string): void {
    this.settle();
    this.response.end(piece);
  }

  /** Runs `next` after `ms`, unless the client leaves before. One at a time. */
  later(ms: number, next: () => void): void {
    this.hold();
    this.timer = setTimeout(next, ms);
  }

  /** Keeps the request open until the client leaves or something ends it. */
  hold(): void {
    if (this.isWatched) return;
    this.isWatched = true;
    this.response.once('close', () => {
      clearTimeout(this.timer);
      this.settle();
    });
  }

  /** Closes the connection without another byte. */
  drop(): void {
    this.settle();
    this.request.socket.destroy();
  }

  /** Cuts the connection off with a reset, after what was written. */
  reset(): void {
    this.settle();
    this.request.socket.resetAndDestroy();
  }

  private settle(): void {
    if (this.isSettled) return;
    this.isSettled = true;
    this.ledger.settle(this.status);
  }
}
