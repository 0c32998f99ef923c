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
      return breakOff(exchange, makeAnswer(), () => exchange.drop());
    case 'reset':
      return breakOff(exchange, makeAnswer(), () => exchange.later(RESET_MS, () => exchange.reset()));
    case 'drip':
      return drip(exchange, makeAnswer());
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

/** A reset that comes with the last bytes is sent as an orderly end. */
const RESET_MS = 20;

/** Half of the answer, then the end of the connection: short of its length, or without the last chunk of a stream. */
function breakOff(exchange: Exchange, answer: Answer, end: () => void): void {
  const bytes = beginWith(exchange, answer);
  exchange.response.write(bytes.subarray(0, bytes.length >> 1), end);
}

const DRIP_MS = 1_000;

/** The whole answer, but nobody should wait for it. */
function drip(exchange: Exchange, answer: Answer): void {
  const bytes = beginWith(exchange, answer);
  let sent = 0;
  const next = () => {
    const piece = bytes.toString('latin1', sent, (sent += 1));
    if (sent === bytes.length) return exchange.end(piece);
    exchange.response.write(piece, 'latin1');
    exchange.later(DRIP_MS, next);
  };
  next();
}

/** Sends the head of a sound answer, and returns its body. */
function beginWith(exchange: Exchange, answer: Answer): Buffer {
  const isStream = typeof answer !== 'string';
  const bytes = Buffer.from(isStream ? answer.head + answer.tokens.join('') + answer.tail : answer);
  if (isStream) exchange.begin(200, EVENT_STREAM_TYPE);
  else exchange.begin(200, JSON_TYPE, ['content-length', String(bytes.length)]);
  exchange.hold();
  return bytes;
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
