/**
 * What browsers are told with every answer: to take it for nothing but what it says it is, and to lend it to no other
 * site. There is no CORS: pages of other sites cannot read what is here.
 */
const ALWAYS = {
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
} as const;

/** Answers of the API are data, and private. */
const OF_API = {
  ...ALWAYS,
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cache-control': 'no-store',
} as const;

/** What its clients know the Task API by. */
const OF_TASKS = { ...OF_API, 'cache-control': 'no-cache' } as const;

/** The documentation is a page with scripts of its own; its style sheet is written into the page. */
const OF_DOCS = {
  ...ALWAYS,
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; " +
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
} as const;

export function securityHeadersOf(url: string): Readonly<Record<string, string>> {
  if (url.startsWith('/docs')) return OF_DOCS;
  return url.startsWith('/v1/queue') ? OF_TASKS : OF_API;
}
