/** How large a JSON body may be, and what is said of one that is larger. */
import type { FastifyRequest } from 'fastify';
import { formatSize } from '../../config/units.js';
import { MillraceError } from '../../kernel/errors.js';

/** Routes whose JSON bodies carry settings and never the work itself. */
const SETTINGS_ROUTE = /^\/v1\/(files|batches|console)(\/|$)/;
/** Settings are small, and a big body of millions of empty objects would keep others waiting while it is parsed. */
const MAX_SETTINGS_BYTES = 256 * 1024;

/** Of one route. */
export function bodyLimitOf(path: string, maxBodyBytes: number): number {
  return SETTINGS_ROUTE.test(path) ? Math.min(maxBodyBytes, MAX_SETTINGS_BYTES) : maxBodyBytes;
}

export function bodyTooLarge({ routeOptions: { bodyLimit, url } }: FastifyRequest, cause: unknown): MillraceError {
  const isFixed = bodyLimit === MAX_SETTINGS_BYTES && SETTINGS_ROUTE.test(url ?? '');
  const reason = isFixed ? 'for settings' : 'as MILLRACE_MAX_BODY of the server says';
  const text = `The request body is too large: it may have ${formatSize(bodyLimit)} at most, ${reason}.`;
  return new MillraceError('payload_too_large', text, { cause });
}
