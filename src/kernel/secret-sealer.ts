import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto';

const ALGORITHM = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const VERSION = 'v1';

/**
 * Seals secrets that must be given back in clear (upstream keys), with AES-256-GCM and a fresh nonce each. A sealed text
 * names the key it was made with, so that a wrong MILLRACE_SECRET is told from damage.
 */
export class SecretSealer {
  private readonly key: Buffer;
  private readonly keyId: string;

  constructor(secret: string) {
    this.key = Buffer.from(hkdfSync('sha256', secret, '', 'millrace sealed secrets', 32));
    this.keyId = createHash('sha256').update(this.key).digest('hex').slice(0, 8);
  }

  seal(clear: string): string {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv(ALGORITHM, this.key, nonce);
    const sealed = Buffer.concat([cipher.update(clear, 'utf8'), cipher.final()]);
    const record = Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString('base64url');
    return `${VERSION}.${this.keyId}.${record}`;
  }

  /** Throws when the text was sealed with another secret, or changed. */
  open(sealed: string): string {
    const [version, keyId, record = ''] = sealed.split('.');
    if (version !== VERSION) throw new Error('a sealed secret has an unknown form');
    if (keyId !== this.keyId)
      throw new Error('a secret was sealed with another MILLRACE_SECRET; set the one it was sealed with');
    const bytes = Buffer.from(record, 'base64url');
    const decipher = createDecipheriv(ALGORITHM, this.key, bytes.subarray(0, NONCE_BYTES));
    decipher.setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
    return Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES)), decipher.final()]).toString('utf8');
  }
}
