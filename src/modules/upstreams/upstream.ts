/** A model server that dispatchers call, as they need to know it; its key is in clear here and nowhere else. */
export interface Upstream {
  seq: number;
  id: string;
  name: string;
  /** OpenAI base URL without a trailing slash, normally ending in `/v1`. */
  baseUrl: string;
  key: string | null;
  /** Requests in flight at most. */
  concurrency: number;
  /** Requests started per minute at most; null for no limit. */
  perMinute: number | null;
}

/** The limiter's key for the permits to call this upstream. */
export function permitKeyOf(upstream: Upstream): string {
  return `upstream:${upstream.seq}`;
}
