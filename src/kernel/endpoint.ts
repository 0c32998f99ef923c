/** A path below the upstream's base: no way up and out of it, no query, nothing that a server could read in another way. */
const FORM = /^(?:\/(?!\.{1,2}(?:\/|$))[\w.~:@-]+)+$/;
const MAX_LENGTH = 200;

/** Whether an upstream can be called at it, such as `/v1/chat/completions`. */
export function isEndpoint(text: string): boolean {
  return text.length <= MAX_LENGTH && FORM.test(text);
}
