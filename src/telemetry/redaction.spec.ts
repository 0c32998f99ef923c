import { describe, expect, it } from 'vitest';
import { redactLine } from './redaction.js';

const CANARY = 'canary-5e1f';
const redact = (fields: unknown): unknown => JSON.parse(redactLine(JSON.stringify(fields)));

describe('redactLine', () => {
  it.each([
    'authorization',
    'Authorization',
    'proxy-authorization',
    'cookie',
    'set-cookie',
    'apiKey',
    'api_key',
    'x-api-key',
    'key',
    'keys',
    'adminKey',
    'MILLRACE_ADMIN_KEY',
    'MILLRACE_UPSTREAM_KEY',
    'MILLRACE_SECRET',
    'secret',
    'secrets',
    'webhookSecret',
    'password',
    'token',
    'accessToken',
  ])('hides a field called %s at any depth', (name) => {
    const value = { [name]: CANARY };
    for (const fields of [value, { a: value }, { a: { b: [{ c: value }] } }]) {
      expect(JSON.stringify(redact(fields))).not.toContain(CANARY);
    }
    expect(redact(value)).toEqual({ [name]: '[redacted]' });
  });

  it.each([
    ['an awkward string', `"}]\\" ${CANARY} \\`],
    ['a list', ['x', `]"${CANARY}`]],
    ['an object', { x: `}"${CANARY}` }],
  ])('hides a secret that is %s', (_, secret) => {
    expect(redact({ secret, after: 1 })).toEqual({ secret: '[redacted]', after: 1 });
  });

  it('hides credentials inside text', () => {
    const texts = [
      `Bearer ${CANARY}`,
      `said "bearer ${CANARY}"`,
      `sk-${CANARY}`,
      `whsec_${CANARY}`,
      `http://me:${CANARY}@h`,
    ];
    for (const msg of texts) expect(JSON.stringify(redact({ msg }))).not.toContain(CANARY);
    expect(redact({ msg: `got 401 for Bearer ${CANARY}, giving up` })).toEqual({
      msg: 'got 401 for Bearer [redacted], giving up',
    });
  });

  it('leaves everything else as it is', () => {
    const fields = {
      msg: 'the key of the token is a secret: Bearer token missing',
      blobKey: 'blob_1',
      tokens: 12,
      promptTokens: 5,
      keyId: 'key_1',
      idempotencyKeyReused: true,
      url: 'http://127.0.0.1:8080/v1/files?limit=1',
      token: null,
      values: ['"key":"', { apiKeyCount: 2 }],
    };
    expect(redact(fields)).toEqual(fields);
  });
});
