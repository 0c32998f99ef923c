/** An upstream whose every answer the spec decides, byte by byte, and as late as it likes. */
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { Inbox } from './inbox.js';

export interface UpstreamRequest {
  path: string;
  headers: IncomingHttpHeaders;
  /** As it came. */
  body: string;
}

export interface ScriptedAnswer {
  status?: number;
  headers?: Record<string, string>;
  /** Several pieces are sent one by one. */
  body: string | readonly Buffer[];
}

export type Script = (request: UpstreamRequest) => ScriptedAnswer | Promise<ScriptedAnswer>;

/** The content of the first message, which the lines of `batches.ts` fill with their custom id. */
export function askedIn({ body }: UpstreamRequest): string {
  const { messages } = JSON.parse(body) as { messages: { content: string }[] };
  return messages[0]!.content;
}

/** A short answer of the given tokens. */
export function completion(
  content: string,
  usage: object = { prompt_tokens: 1, completion_tokens: 2 },
): ScriptedAnswer {
  return { body: JSON.stringify({ choices: [{ message: { role: 'assistant', content } }], usage }) };
}

/** Says back what it was asked. */
export const ECHO: Script = (request) => completion(askedIn(request));

export class ScriptedUpstream {
  /** Every request, as soon as it has come in whole. */
  readonly requests = new Inbox<UpstreamRequest>();
  /** Requests that the server gave up before they were answered. */
  readonly abandoned = new Inbox<UpstreamRequest>();

  private constructor(
    private readonly server: Server,
    private script: Script,
  ) {
    server.on('request', (request: IncomingMessage, response: ServerResponse) => void this.take(request, response));
  }

  static async start(script: Script = ECHO): Promise<ScriptedUpstream> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new ScriptedUpstream(server, script);
  }

  /** Base URL, ending in `/v1`. */
  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/v1`;
  }

  /** From the next request on. */
  answerWith(script: Script): void {
    this.script = script;
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.server.close(resolve));
    this.server.closeAllConnections();
    await closed;
  }

  private async take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const received = { path: request.url!, headers: request.headers, body: await text(request) };
    response.once('close', () => {
      if (!response.writableFinished) this.abandoned.add(received);
    });
    this.requests.add(received);
    await send(response, await this.script(received));
  }
}

async function send(response: ServerResponse, { status = 200, headers = {}, body }: ScriptedAnswer): Promise<void> {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  for (const piece of typeof body === 'string' ? [body] : body) {
    await new Promise<void>((resolve) => response.write(piece, () => resolve()));
  }
  response.end();
}
