/** `Retry-After`, in seconds or as an HTTP date: how long to wait from `now` on, in ms. Null when it is neither. */
export function parseRetryAfter(text: string | string[] | undefined, now: number): number | null {
  if (typeof text !== 'string' || text.trim() === '') return null;
  const seconds = Number(text);
  if (Number.isFinite(seconds)) return seconds >= 0 ? seconds * 1000 : null;
  const date = Date.parse(text);
  return Number.isNaN(date) ? null : Math.max(0, date - now);
}
