import { isUtf8 } from 'node:buffer';
import type { FastifyInstance } from 'fastify';
import secureJson from 'secure-json-parse';
import { MillraceError, messageOf } from '../../kernel/errors.js';

const JSON_TYPE = 'application/json';
const BYTE_ORDER_MARK = '\uFEFF';

/** The texts that bodies were parsed from, for as long as the bodies are in use. */
const texts = new WeakMap<object, string>();

/** The text of a body, for those who pass parts of it on as they came. `body`: as the request has it. */
export function textOf(body: unknown): string {
  const text = texts.get(body as object);
  if (text === undefined) throw new Error('this is not the body of a request, or not an object');
  return text;
}

/**
 * Reads JSON bodies, and refuses all other types but those that plugins add. Some SDKs send the type with an empty body,
 * so nothing at all is fine and becomes `undefined`.
 */
export function readJsonBodies(instance: FastifyInstance): void {
  instance.removeAllContentTypeParsers();
  instance.addContentTypeParser(JSON_TYPE, { parseAs: 'buffer' }, (_request, bytes, done) => {
    try {
      done(null, parseJson(bytes as Buffer));
    } catch (error) {
      done(error as MillraceError);
    }
  });
}

/** Refuses with `invalid_json`, which says where the text goes wrong, and for keys that would change a prototype. */
export function parseJson(bytes: Buffer): unknown {
  if (!isUtf8(bytes)) throw unreadable('it is not valid UTF-8.');
  const text = bytes.toString();
  const json = text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text;
  if (json.trim() === '') return undefined;
  try {
    const body: unknown = secureJson.parse(json, null, { protoAction: 'error', constructorAction: 'ignore' });
    if (typeof body === 'object' && body !== null) texts.set(body, json);
    return body;
  } catch (error) {
    throw unreadable(messageOf(error), error);
  }
}

function unreadable(why: string, cause?: unknown): MillraceError {
  return new MillraceError('invalid_json', `We could not parse the JSON body of your request: ${why}`, { cause });
}
