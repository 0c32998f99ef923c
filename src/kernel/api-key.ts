/**
 * API keys: `mr_<id>_<secret><checksum>`, all hex: 32 digits name the key, 48 are secret (192 bits), the last 8 are a
 * CRC-32 of all before them, which tells a typing error or a cut-off key from a wrong one without asking the store, and
 * lets secret scanners be sure of what they found. Only a hash of the secret is ever kept.
 */
import { hash as hashOnce, randomBytes, timingSafeEqual } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { ID_PREFIX, isId, newId } from './ids.js';

export interface ApiKey {
  /** `key_…`, public. */
  id: string;
  secret: string;
}

export interface NewApiKey {
  id: string;
  /** Shown once, to whoever asked for the key. */
  token: string;
  hash: string;
  last4: string;
}

const SECRET_BYTES = 24;
const TOKEN = /^(mr_([0-9a-f]{32})_([0-9a-f]{48}))([0-9a-f]{8})$/;

export function makeApiKey(): NewApiKey {
  const id = newId('key');
  const secret = randomBytes(SECRET_BYTES).toString('hex');
  const unchecked = `mr_${id.slice(ID_PREFIX.key.length)}_${secret}`;
  const token = unchecked + checksumOf(unchecked);
  return { id, token, hash: hashSecret(secret), last4: token.slice(-4) };
}

/** Null when the text cannot be a key of ours. */
export function parseApiKey(token: string): ApiKey | null {
  const [, unchecked, digits, secret, checksum] = TOKEN.exec(token) ?? [];
  if (unchecked === undefined || digits === undefined || secret === undefined) return null;
  const id = ID_PREFIX.key + digits;
  return checksum === checksumOf(unchecked) && isId('key', id) ? { id, secret } : null;
}

/** SHA-256 in hex. Plain, because what it hashes is random: there is no dictionary to slow down. */
export function hashSecret(secret: string): string {
  return hashOnce('sha256', secret, 'hex');
}

/** Whether `secret` has this hash, in hex; takes the same time wherever they differ. */
export function isSecretOf(secret: string, hash: string): boolean {
  const [given, kept] = [hashOnce('sha256', secret, 'buffer'), Buffer.from(hash, 'hex')];
  return given.length === kept.length && timingSafeEqual(given, kept);
}

/** What may be shown of a key that was refused: enough for its owner to know it by, and of no use to others. */
export function maskKey(token: string): string {
  return token.length < 20 ? '***' : `${token.slice(0, 3)}***${token.slice(-4)}`;
}

function checksumOf(text: string): string {
  return crc32(text).toString(16).padStart(8, '0');
}
