/**
 * The remote control of a running simulator, for tests. Needs no key and counts in no figure.
 *
 * - `GET /sim/stats` → `SimStats`
 * - `GET /sim/calls` → `{"<metadata.id>": calls}`; calls refused for a bad key, a bad body or the concurrency limit do
 *   not count, those that end in a simulated fault do
 * - `GET /sim/options` → `SimOptions`; `POST /sim/options` changes those in its JSON body, from the next call on
 * - `POST /sim/reset` forgets counts, calls and bodies seen; the options stay
 */
import type { ServerResponse } from 'node:http';
import { parseObject } from './sim-endpoint.js';
import { SimError } from './sim-error.js';
import { JSON_TYPE } from './sim-exchange.js';
import type { SimLedger } from './sim-ledger.js';
import { resolveOptions, type SimOptions } from './sim-options.js';

/** What the remote control acts on. */
export interface SimState {
  options: SimOptions;
  readonly ledger: SimLedger;
}

export function answerAdmin(state: SimState, action: string, bytes: Buffer, response: ServerResponse): void {
  try {
    reply(response, 200, JSON.stringify(act(state, action, bytes)));
  } catch (error) {
    if (!(error instanceof SimError)) throw error;
    reply(response, error.status, error.body());
  }
}

function act(state: SimState, action: string, bytes: Buffer): object {
  switch (action) {
    case 'GET /sim/stats':
      return state.ledger.stats();
    case 'GET /sim/calls':
      return state.ledger.calls();
    case 'GET /sim/options':
      return state.options;
    case 'POST /sim/options':
      state.options = changedOptions(state.options, bytes);
      return state.options;
    case 'POST /sim/reset':
      state.ledger.reset();
      return {};
    default:
      throw new SimError(404, `Invalid URL (${action})`);
  }
}

function changedOptions(options: SimOptions, bytes: Buffer): SimOptions {
  const changes = parseObject(bytes);
  for (const name of ['host', 'port']) {
    if (name in changes) throw new SimError(400, `Option '${name}' can only be set at the start.`, null, name);
  }
  try {
    return resolveOptions(changes, options);
  } catch (error) {
    if (error instanceof RangeError) throw new SimError(400, error.message);
    throw error;
  }
}

function reply(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, { 'content-type': JSON_TYPE, 'content-length': Buffer.byteLength(body) });
  response.end(body);
}
