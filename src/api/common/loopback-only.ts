import type { IncomingHttpHeaders } from 'node:http';
import { isLoopbackHost } from '../../config/load-config.js';
import { MillraceError } from '../../kernel/errors.js';

/**
 * Where nobody needs a key, a web page in the browser of this machine must not be able to call: neither as itself (it has
 * an `Origin`), nor under a name of its own that it has pointed to this machine (it is in `Host`). Refuses with
 * `foreign_origin`. Programs send no Origin, and a Host of this machine.
 */
export function refuseForeigners({ host, origin }: IncomingHttpHeaders): void {
  refuseUnlessLoopback('Host', host, `http://${host}`);
  refuseUnlessLoopback('Origin', origin, origin ?? '');
}

function refuseUnlessLoopback(name: string, value: string | undefined, url: string): void {
  if (value === undefined || isLoopbackUrl(url)) return;
  const text = `The ${name} '${value}' may not call this server: MILLRACE_AUTH is off, so only this machine may.`;
  throw new MillraceError('foreign_origin', text);
}

function isLoopbackUrl(url: string): boolean {
  if (!URL.canParse(url)) return false;
  const { hostname } = new URL(url);
  return isLoopbackHost(hostname.replace(/^\[(.*)\]$/, '$1'));
}
