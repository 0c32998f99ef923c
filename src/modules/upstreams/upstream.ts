/** A model server that dispatchers call, as they need to know it; its key is in clear here and nowhere else. */
export interface Upstream {
  seq: number;
  id: string;
  name: string;
  /** OpenAI base URL without a trailing slash, normally ending in `/v1`. */
  baseUrl: string;
  key: string | null;
  /** Tells apart what the same upstream was before and after it got another URL or key. */
  fingerprint: string;
  /** Requests in flight at most. */
  concurrency: number;
  /** Requests started per minute at most; null for no limit. */
  perMinute: number | null;
}

/**
 * The limiter's key for the permits to call this upstream. Another URL or key means another server or account, to which
 * pauses and rates of the one before do not apply.
 */
export function permitKeyOf(upstream: Upstream): string {
  return `upstream:${upstream.seq}:${upstream.fingerprint}`;
}
