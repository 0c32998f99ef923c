import { givenHeader, type RequestHeaders } from './given-header.js';

/** The queue that the headers of a request name, null for none. Bella's clients may leave theirs empty. */
export function queueNameOf(headers: RequestHeaders): string | null {
  return givenHeader(headers['x-millrace-queue'], 'X-Millrace-Queue') ?? (headers['x-bella-queue-name'] || null);
}
