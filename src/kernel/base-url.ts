/** Base URLs of upstreams: http or https, with a path that others are appended to, and nothing else. */

/** What `isBaseUrl` asks for, as the end of a sentence. */
export const BASE_URL_WORDS = 'an http or https URL without credentials, query and fragment';

/** Stricter than the URL parser: that takes `http:host`, which later becomes something else. */
export function isBaseUrl(text: string): boolean {
  if (!/^https?:\/\/[^\s/\\@?#][^\s\\?#]*$/i.test(text) || !URL.canParse(text)) return false;
  const { username, password } = new URL(text);
  return username === '' && password === '';
}

export function cutTrailingSlashes(url: string): string {
  return url.replace(/\/+$/, '');
}
