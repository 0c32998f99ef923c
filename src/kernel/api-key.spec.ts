import { describe, expect, it } from 'vitest';
import { crc32 } from 'node:zlib';
import { hashSecret, isSecretOf, makeApiKey, maskKey, parseApiKey } from './api-key.js';

describe('API keys', () => {
  it('have the form that is documented, and read back what was made', () => {
    const { id, token, hash, last4 } = makeApiKey();
    expect(token).toMatch(/^mr_[0-9a-f]{32}_[0-9a-f]{48}[0-9a-f]{8}$/);
    const parsed = parseApiKey(token)!;
    expect(parsed.id).toBe(id);
    expect(hashSecret(parsed.secret)).toBe(hash);
    expect(token.endsWith(last4)).toBe(true);
  });

  it('are all different', () => {
    expect(new Set(Array.from({ length: 100 }, () => makeApiKey().token)).size).toBe(100);
  });

  it('are told from mistyped and cut-off ones', () => {
    const { token } = makeApiKey();
    for (let at = 0; at < token.length; at += 1) {
      const other = token[at] === '0' ? '1' : '0';
      expect(parseApiKey(token.slice(0, at) + other + token.slice(at + 1)), `changed at ${at}`).toBeNull();
    }
    for (const text of ['', 'mr_', token.slice(0, -1), `${token}0`, ` ${token}`, token.toUpperCase()]) {
      expect(parseApiKey(text)).toBeNull();
    }
  });

  it('know their secret by its hash alone', () => {
    const hash = hashSecret('secret');
    expect(isSecretOf('secret', hash)).toBe(true);
    expect(isSecretOf('Secret', hash)).toBe(false);
    expect(isSecretOf('secret', hash.slice(1))).toBe(false);
    expect(isSecretOf('', '')).toBe(false);
  });

  it('are masked when they are shown', () => {
    const { token } = makeApiKey();
    expect(maskKey(token)).toBe(`mr_***${token.slice(-4)}`);
    expect(maskKey('short')).toBe('***');
  });

  it.runIf(crc32)('end in the CRC-32 that everybody else computes', () => {
    const { token } = makeApiKey();
    expect(token.slice(-8)).toBe(crc32(token.slice(0, -8)).toString(16).padStart(8, '0'));
  });
});
