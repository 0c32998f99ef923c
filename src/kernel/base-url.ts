/** Base URLs of upstreams: http or https, with a path that others are appended to, and nothing else. */

/** What `isBaseUrl` asks for, as the end of a sentence. */
export const BASE_URL_WORDS = 'an http or https URL without credentials, query and fragment';

/** Stricter than the URL parser: that takes `http:host`, which later becomes something else. */
const PATTERN = /^https?:\/\/[^\s/\\@?#][^\s\\?#]*$/i;
export const MAX_PORT = 65_535;

/** Digits that name a port that somebody can listen on. */
export function isPort(text: string): boolean {
  return /^\d+$/.test(text) && Number(text) >= 1 && Number(text) <= MAX_PORT;
}

export function isBaseUrl(text: string): boolean {
  return wrongWithBaseUrl(text) === null;
}

/** As the end of a sentence about it, of which it quotes nothing; null when nothing is. */
export function wrongWithBaseUrl(text: string): string | null {
  const authority = /^https?:\/\/([^/?#]*)/i.exec(text)?.[1] ?? null;
  if (authority === null) return 'does not begin with http:// or https://';
  if (authority === '') return 'names no host';
  if (authority.includes('@')) return 'has credentials';
  if (/[?#]/.test(text)) return 'has a query (?…) or a fragment (#…)';
  const port = /:(\d+)$/.exec(authority)?.[1] ?? null;
  if (port !== null && !isPort(port)) return `has a port that is none: there are those from 1 to ${MAX_PORT}`;
  if (!PATTERN.test(text) || !URL.canParse(text)) return 'is no URL';
  return hasLonePercent(text) ? 'has a % that escapes nothing; % itself is written as %25' : null;
}

export function cutTrailingSlashes(url: string): string {
  return url.replace(/\/+$/, '');
}

function hasLonePercent(text: string): boolean {
  return /%(?![0-9a-f]{2})/i.test(text);
}
