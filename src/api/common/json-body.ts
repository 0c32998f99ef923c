import { isUtf8 } from 'node:buffer';
import type { FastifyInstance } from 'fastify';
import secureJson from 'secure-json-parse';
import { MillraceError, messageOf } from '../../kernel/errors.js';

const JSON_TYPE = 'application/json';
const BYTE_ORDER_MARK = '\uFEFF';

declare module 'fastify' {
  interface FastifyRequest {
    /** The text that a JSON body was parsed from, for those who pass parts of it on as they came; else empty. */
    bodyText: string;
  }
}

/** What a text says. */
export interface ParsedJson {
  /** Undefined when nothing was said. */
  value: unknown;
  text: string;
}

/**
 * Reads JSON bodies, and refuses all other types but those that plugins add. Some SDKs send the type with an empty body,
 * so nothing at all is fine and becomes `undefined`.
 */
export function readJsonBodies(instance: FastifyInstance): void {
  instance.decorateRequest('bodyText', '');
  instance.removeAllContentTypeParsers();
  instance.addContentTypeParser(JSON_TYPE, { parseAs: 'buffer' }, (request, bytes, done) => {
    try {
      const { value, text } = parseJson(bytes as Buffer);
      request.bodyText = text;
      done(null, value);
    } catch (error) {
      done(error as MillraceError);
    }
  });
}

/** Refuses with `invalid_json`, which says where the text goes wrong, and for keys that would change a prototype. */
export function parseJson(bytes: Buffer): ParsedJson {
  if (!isUtf8(bytes)) throw unreadable('it is not valid UTF-8.');
  const given = bytes.toString();
  const text = given.startsWith(BYTE_ORDER_MARK) ? given.slice(1) : given;
  if (text.trim() === '') return { value: undefined, text };
  try {
    return { value: secureJson.parse(text, null, { protoAction: 'error', constructorAction: 'ignore' }), text };
  } catch (error) {
    throw unreadable(messageOf(error), error);
  }
}

function unreadable(why: string, cause?: unknown): MillraceError {
  return new MillraceError('invalid_json', `We could not parse the JSON body of your request: ${why}`, { cause });
}
