/** Carries out a fault on the wire. */
import type { Fault } from './sim-behaviour.js';
import type { Answer } from './sim-endpoint.js';
import { simulatedError, type SimError } from './sim-error.js';
import { EVENT_STREAM_TYPE, JSON_TYPE, type Exchange } from './sim-exchange.js';
import type { SimOptions } from './sim-options.js';

/** @param makeAnswer makes the sound answer, for the fault that spoils one */
export function strike(
  exchange: Exchange,
  fault: Fault,
  options: SimOptions,
  isStream: boolean,
  makeAnswer: () => Answer,
): void {
  if (typeof fault === 'number') return refuse(exchange, simulatedError(fault), options);
  switch (fault) {
    case 'hang':
      return exchange.hold();
    case 'drop':
      return exchange.drop();
    case 'wrong_type':
      return exchange.send(200, 'text/html; charset=utf-8', '<!doctype html><title>Not what you asked for</title>\n');
    case 'garbage':
      return sendGarbage(exchange, isStream);
    case 'truncated':
      return breakOff(exchange, makeAnswer());
    case 'endless':
      return neverEnd(exchange, isStream);
  }
}

/** Sends an error; a 429 says when to come again. */
export function refuse(exchange: Exchange, error: SimError, { retryAfterSeconds }: SimOptions): void {
  if (error.status !== 429) return exchange.sendError(error);
  const seconds = String(Math.ceil(retryAfterSeconds));
  const milliseconds = String(Math.round(retryAfterSeconds * 1_000));
  exchange.sendError(error, ['retry-after', seconds, 'retry-after-ms', milliseconds]);
}

const GARBAGE = '{"id":"sim","choices":[{"index":0,oops';

function sendGarbage(exchange: Exchange, isStream: boolean): void {
  if (isStream) exchange.send(200, EVENT_STREAM_TYPE, `data: ${GARBAGE}\n\n`);
  else exchange.send(200, JSON_TYPE, GARBAGE);
}

/** Half of the answer, then the end of the connection: short of its length, or without the last chunk of a stream. */
function breakOff(exchange: Exchange, answer: Answer): void {
  const isStream = typeof answer !== 'string';
  const bytes = Buffer.from(isStream ? answer.head + answer.tokens.join('') + answer.tail : answer);
  if (isStream) exchange.begin(200, EVENT_STREAM_TYPE);
  else exchange.begin(200, JSON_TYPE, ['content-length', String(bytes.length)]);
  exchange.hold();
  exchange.response.write(bytes.subarray(0, bytes.length >> 1), () => exchange.drop());
}

const ENDLESS_OPENING = '{"id":"sim","object":"endless","content":"';
const ENDLESS_EVENT = 'data: {"id":"sim","object":"endless","choices":[]}\n\n';
const ENDLESS_BLOCK_BYTES = 16 * 1024;

/** Writes for as long as the client reads; never more than one block ahead of it. */
function neverEnd(exchange: Exchange, isStream: boolean): void {
  const { response } = exchange;
  const unit = isStream ? ENDLESS_EVENT : 'again ';
  const block = unit.repeat(Math.ceil(ENDLESS_BLOCK_BYTES / unit.length));
  exchange.begin(200, isStream ? EVENT_STREAM_TYPE : JSON_TYPE);
  exchange.hold();
  if (!isStream) response.write(ENDLESS_OPENING);
  const writeNext = () => {
    response.write(block, (error) => {
      if (!error) setImmediate(writeNext);
    });
  };
  writeNext();
}
