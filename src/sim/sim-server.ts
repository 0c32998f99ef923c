/**
 * An OpenAI-compatible upstream without a model, for demos, tests and benches. The answers are made up from a seed:
 * the same seed and the same request body give the same bytes, latency and faults, whatever the order of arrival. Only
 * the header `x-request-id` differs from call to call.
 *
 * `/v1/…` is what clients talk to (`sim-upstream.ts`); a request can say itself how it wants to be treated
 * (`sim-behaviour.ts`). `/sim/…` is for the test that looks on (`sim-admin.ts`).
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { answerAdmin, type SimState } from './sim-admin.js';
import { Exchange } from './sim-exchange.js';
import { SimLedger } from './sim-ledger.js';
import { resolveOptions, type SimOptions } from './sim-options.js';
import { SimUpstream } from './sim-upstream.js';

/** A running simulator. */
export interface Sim {
  /** Base URL for clients, ending in `/v1`. */
  url: string;
  port: number;
  /** Cuts every connection, answers in work included, and frees the port. */
  close(): Promise<void>;
}

/** Idle connections outlive the pauses of any client, so that none finds its connection closed as it sends. */
const KEEP_ALIVE_MS = 10 * 60_000;
/** Room for thousands of connections that are opened at once. */
const BACKLOG = 4_096;

/**
 * Starts a simulator in this process.
 *
 * @throws RangeError for a wrong option; the system's error when the port cannot be had
 */
export async function startSim(options: Partial<SimOptions> = {}): Promise<Sim> {
  const state: SimState = { options: resolveOptions(options), ledger: new SimLedger() };
  const upstream = new SimUpstream(state);
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS, requestTimeout: 0 }, (request, response) =>
    readBody(request, (bytes) => route(state, upstream, request, response, bytes)),
  );
  const { host } = state.options;
  const port = await listen(server, state.options);
  return { url: `http://${host.includes(':') ? `[${host}]` : host}:${port}/v1`, port, close: () => close(server) };
}

function route(
  state: SimState,
  upstream: SimUpstream,
  request: IncomingMessage,
  response: ServerResponse,
  bytes: Buffer,
): void {
  const url = request.url ?? '/';
  const query = url.indexOf('?');
  const action = `${request.method} ${query < 0 ? url : url.slice(0, query)}`;
  if (url.startsWith('/sim/')) answerAdmin(state, action, bytes, response);
  else upstream.handle(new Exchange(request, response, state.ledger), action, bytes);
}

const NO_BYTES = Buffer.alloc(0);

/** Calls `done` with the whole body; never, when the client leaves before its end. */
function readBody(request: IncomingMessage, done: (bytes: Buffer) => void): void {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () =>
    done(chunks.length === 1 ? chunks[0]! : chunks.length === 0 ? NO_BYTES : Buffer.concat(chunks)),
  );
}

function listen(server: Server, { host, port }: SimOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port, backlog: BACKLOG }, () => resolve((server.address() as AddressInfo).port));
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    server.close((error) => (error ? reject(error) : resolve()));
    server.closeAllConnections();
  });
}
