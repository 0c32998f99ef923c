/** Mistakes that the URL of any service can have. Of none is anything quoted: a password may stand anywhere in such a URL. */
import { isPort, MAX_PORT } from '../kernel/base-url.js';
import type { ConfigProblem } from './config-error.js';

export type UrlProblem = Omit<ConfigProblem, 'variable'>;

/** How the URL of one service looks where it is right. */
export interface UrlForm {
  /** The whole of it, as the object of "it takes …". */
  example: string;
  /** What stands in front of its `@`. */
  credentials: string;
  /** What no port means. */
  usualPort: string;
}

/** Up to the first sign that ends the host, and all behind it. */
const PARTS = /^[a-z0-9]+:\/\/([^/?#]*)(.*)$/is;
const PERCENT = 'write % itself as %25, and other signs by their bytes in UTF-8';

/** Why no host and port can be read from it; null when they can. */
export function placeProblem(text: string, form: UrlForm): UrlProblem | null {
  const [, authority = '', rest = ''] = PARTS.exec(text) ?? [];
  if (!authority.includes('@') && rest.includes('@')) {
    const wrong = `has an @ behind the host, so probably a /, ? or # in ${form.credentials}`;
    return { wrong, allowed: 'write / there as %2F, ? as %3F and # as %23' };
  }
  const hostAndPort = authority.slice(authority.lastIndexOf('@') + 1);
  if (hostAndPort === '' || hostAndPort.startsWith(':')) return { wrong: 'names no host', allowed: example(form) };
  const port = /:([^:\]]+)$/.exec(hostAndPort)?.[1] ?? null;
  if (port !== null && !isPort(port)) {
    const allowed = `it takes a port from 1 to ${MAX_PORT}, or none, which means ${form.usualPort}`;
    return { wrong: 'has a port that is none', allowed };
  }
  return URL.canParse(text) ? null : { wrong: 'is no URL', allowed: example(form) };
}

/** The same, and what else its client would stumble over; null for a URL with all its parts in order. */
export function urlProblem(text: string, form: UrlForm): UrlProblem | null {
  const problem = placeProblem(text, form);
  if (problem !== null) return problem;
  const { username, password, hostname, pathname, hash } = new URL(text);
  if (!isDecodable(username) || !isDecodable(password)) {
    return { wrong: `has a % in ${form.credentials} that escapes nothing`, allowed: PERCENT };
  }
  if (!isDecodable(hostname) || !isDecodable(pathname)) {
    return { wrong: 'has a % that escapes nothing', allowed: PERCENT };
  }
  if (hash !== '') return { wrong: 'has a fragment (#…)', allowed: 'take it away, or write # as %23' };
  return null;
}

function example({ example: text }: UrlForm): string {
  return `it takes ${text}`;
}

function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}
