/** Checks that a callback was sent by the server and by nobody else. Works wherever there is WebCrypto. */

/** The callback was not signed with this secret, was changed on its way, or is too old. */
export class CallbackRefused extends Error {
  override readonly name = 'CallbackRefused';
}

export interface VerifiedCallback<T = unknown> {
  /** The same each time the same callback comes: remember it, because one may come twice. */
  id: string;
  /** The task it tells of, from a header that the signature does not cover; null when there is none. */
  taskId: string | null;
  /** The body's JSON; of a task, `{status_code, request_id, body}` or `{status_code, request_id, error}`. */
  body: T;
}

/** A `Headers`, or the plain object of Node's `request.headers`. */
export type CallbackHeaders = Headers | Readonly<Record<string, string | readonly string[] | undefined>>;

const TOLERANCE_MS = 5 * 60_000;

/**
 * Rejects with CallbackRefused unless one of the secrets (`whsec_…`; two while they are rotated) signed it within the last
 * five minutes. `body` must be the bytes as they came, or their text: parsed and written again they are others. Signatures
 * are compared in constant time.
 */
export async function verifyCallback<T = unknown>(
  secret: string | readonly string[],
  headers: CallbackHeaders,
  body: string | Uint8Array,
  now = Date.now(),
): Promise<VerifiedCallback<T>> {
  const [id, timestamp, signatures] = ['webhook-id', 'webhook-timestamp', 'webhook-signature'].map((name) => {
    const value = headerOf(headers, name);
    if (value === null) throw new CallbackRefused(`The header ${name} is missing.`);
    return value;
  }) as [string, string, string];
  const ageMs = now - Number(timestamp) * 1000;
  if (!(Math.abs(ageMs) <= TOLERANCE_MS)) throw new CallbackRefused('It was signed too long ago, or is of the future.');

  const bytes = typeof body === 'string' ? new TextEncoder().encode(body) : body;
  const signed = join(new TextEncoder().encode(`${id}.${timestamp}.`), bytes);
  const secrets = typeof secret === 'string' ? [secret] : secret;
  for (const key of await Promise.all(secrets.map(importSecret))) {
    for (const signature of signaturesIn(signatures)) {
      if (await crypto.subtle.verify('HMAC', key, signature, signed)) {
        const text = new TextDecoder().decode(bytes);
        return { id, taskId: headerOf(headers, 'x-millrace-task-id'), body: JSON.parse(text) as T };
      }
    }
  }
  throw new CallbackRefused('No signature is of this secret and this body.');
}

function headerOf(headers: CallbackHeaders, name: string): string | null {
  const value = headers instanceof Headers ? headers.get(name) : headers[name];
  return typeof value === 'string' && value !== '' ? value : null;
}

function importSecret(secret: string) {
  const bytes = fromBase64(secret.replace(/^whsec_/, ''));
  if (bytes === null || bytes.length === 0) throw new TypeError('A webhook secret is whsec_ and base64.');
  return crypto.subtle.importKey('raw', bytes, { name: 'HMAC', hash: 'SHA-256' }, false, ['verify']);
}

/** `v1,BASE64 v1,BASE64 …`; other versions are left out. */
function signaturesIn(header: string): Uint8Array<ArrayBuffer>[] {
  const ours = header.split(' ').filter((part) => part.startsWith('v1,'));
  return ours.map((part) => fromBase64(part.slice('v1,'.length))).filter((bytes) => bytes !== null);
}

function fromBase64(text: string): Uint8Array<ArrayBuffer> | null {
  try {
    return Uint8Array.from(atob(text), (character) => character.codePointAt(0)!);
  } catch {
    return null;
  }
}

function join(first: Uint8Array, second: Uint8Array): Uint8Array<ArrayBuffer> {
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}
