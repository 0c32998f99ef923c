import type { IncomingHttpHeaders } from 'node:http';
import { isLoopbackHost } from '../../config/load-config.js';
import { MillraceError } from '../../kernel/errors.js';

/**
 * Where nobody needs a key, a web page in the browser of this machine must not be able to call: neither as itself (it has
 * an `Origin`), nor under a name of its own that it has pointed to this machine (it is in `Host`). Programs send no
 * Origin, and a Host of this machine; for them this is null.
 */
export function refusalOfForeigner({ host, origin }: IncomingHttpHeaders): MillraceError | null {
  if (host !== undefined && !isLoopbackUrl(`http://${host}`)) return refusal('Host', host);
  if (origin !== undefined && !isLoopbackUrl(origin)) return refusal('Origin', origin);
  return null;
}

function isLoopbackUrl(url: string): boolean {
  if (!URL.canParse(url)) return false;
  const { hostname } = new URL(url);
  return isLoopbackHost(hostname.replace(/^\[(.*)\]$/, '$1'));
}

function refusal(header: string, value: string): MillraceError {
  const text = `The ${header} '${value}' may not call this server: MILLRACE_AUTH is off, so only this machine may.`;
  return new MillraceError('foreign_origin', text);
}
