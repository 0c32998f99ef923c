import OpenAI from 'openai';
import { Webhook } from 'standardwebhooks';
import { describe, expect, it } from 'vitest';
import { signatureHeaders } from './callback-signature.js';

const secretOf = (byte: number) => `whsec_${Buffer.alloc(32, byte).toString('base64')}`;
const [NEW, OLD] = [secretOf(1), secretOf(2)];
const BODY = JSON.stringify({ status_code: 200, request_id: 'req_1', body: { text: 'Größe 😀' } });
const at = () => Date.now();

describe('a signature', () => {
  it('is the one of the known example', () => {
    const body =
      '{"id": "evt_685c059ae3a481909bdc86819b066fb6", "object": "event", "created_at": 1750861210, "type": "response.completed", "data": {"id": "resp_123"}}';
    const secret = 'whsec_RdvaYFYUXuIFuEbvZHwMfYFhUf7aMYjYcmM24+Aj40c=';
    const headers = signatureHeaders('wh_685c059ae39c8190af8c71ed1022a24d', 1_750_861_210_999, body, [secret]);
    expect(headers['webhook-timestamp']).toBe('1750861210');
    expect(headers['webhook-signature']).toBe('v1,gUAg4R2hWouRZqRQG4uJypNS8YK885G838+EHb4nKBY=');
  });

  it.each([NEW, OLD])('is taken by both verifiers with either secret of an overlap', async (secret) => {
    const headers = signatureHeaders('callback_1', at(), BODY, [NEW, OLD]);
    expect(new Webhook(secret).verify(BODY, headers)).toEqual(JSON.parse(BODY));
    const openai = new OpenAI({ apiKey: 'x', webhookSecret: secret });
    expect(await openai.webhooks.unwrap(BODY, headers)).toEqual(JSON.parse(BODY));
  });

  it('is refused with another secret, for another body, under another id, and when it is old', () => {
    const headers = signatureHeaders('callback_1', at(), BODY, [NEW]);
    expect(() => new Webhook(OLD).verify(BODY, headers)).toThrow('No matching signature');
    expect(() => new Webhook(NEW).verify(`${BODY} `, headers)).toThrow('No matching signature');
    expect(() => new Webhook(NEW).verify(BODY, { ...headers, 'webhook-id': 'x' })).toThrow('No matching signature');
    const old = signatureHeaders('callback_1', at() - 301_000, BODY, [NEW]);
    expect(() => new Webhook(NEW).verify(BODY, old)).toThrow('too old');
  });
});
