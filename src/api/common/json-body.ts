import type { FastifyInstance } from 'fastify';
import secureJson from 'secure-json-parse';
import { MillraceError, messageOf } from '../../kernel/errors.js';

const JSON_TYPE = 'application/json';
const BYTE_ORDER_MARK = '\uFEFF';

/**
 * Reads JSON bodies, and refuses all other types but those that plugins add. Some SDKs send the type with an empty body,
 * so nothing at all is fine and becomes `undefined`.
 */
export function readJsonBodies(instance: FastifyInstance): void {
  instance.removeAllContentTypeParsers();
  instance.addContentTypeParser(JSON_TYPE, { parseAs: 'string' }, (_request, text, done) => {
    try {
      done(null, parseJson(text as string));
    } catch (error) {
      done(error as MillraceError);
    }
  });
}

/** Refuses with `invalid_json`, which says where the text goes wrong, and for keys that would change a prototype. */
export function parseJson(text: string): unknown {
  const json = text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text;
  if (json.trim() === '') return undefined;
  try {
    return secureJson.parse(json, null, { protoAction: 'error', constructorAction: 'ignore' });
  } catch (error) {
    const message = `We could not parse the JSON body of your request: ${messageOf(error)}`;
    throw new MillraceError('invalid_json', message, { cause: error });
  }
}
