import { Webhook } from 'standardwebhooks';
import { describe, expect, it } from 'vitest';
import { CallbackRefused, verifyCallback } from './verify-callback.js';

const secretOf = (byte: number) => `whsec_${Buffer.alloc(32, byte).toString('base64')}`;
const [NEW, OLD] = [secretOf(1), secretOf(2)];
const BODY = JSON.stringify({ status_code: 200, request_id: 'req_1', body: { text: 'Größe 😀' } });
const NOW = 1_795_370_000_000;

function headersOf(secret: string, body = BODY, at = NOW): Record<string, string> {
  return {
    'webhook-id': 'callback_1',
    'webhook-timestamp': String(at / 1000),
    'webhook-signature': new Webhook(secret).sign('callback_1', new Date(at), body),
    'x-millrace-task-id': 'task_1',
  };
}

const refusal = (...args: Parameters<typeof verifyCallback>) =>
  verifyCallback(...args).then(
    () => null,
    (error: unknown) => (error instanceof CallbackRefused ? error.message : error),
  );

describe('verifyCallback', () => {
  it('takes what was signed with the secret, as text or bytes, with headers of either kind', async () => {
    const seen = { id: 'callback_1', taskId: 'task_1', body: JSON.parse(BODY) };
    expect(await verifyCallback(NEW, headersOf(NEW), BODY, NOW)).toEqual(seen);
    expect(await verifyCallback(NEW, new Headers(headersOf(NEW)), Buffer.from(BODY), NOW)).toEqual(seen);
  });

  it('knows the signature of the published example', async () => {
    const body =
      '{"id": "evt_685c059ae3a481909bdc86819b066fb6", "object": "event", "created_at": 1750861210, "type": "response.completed", "data": {"id": "resp_123"}}';
    const headers = {
      'webhook-id': 'wh_685c059ae39c8190af8c71ed1022a24d',
      'webhook-timestamp': '1750861210',
      'webhook-signature': 'v1,gUAg4R2hWouRZqRQG4uJypNS8YK885G838+EHb4nKBY=',
    };
    const secret = 'whsec_RdvaYFYUXuIFuEbvZHwMfYFhUf7aMYjYcmM24+Aj40c=';
    const { id, taskId } = await verifyCallback(secret, headers, body, 1_750_861_210_000);
    expect([id, taskId]).toEqual(['wh_685c059ae39c8190af8c71ed1022a24d', null]);
  });

  it('takes either secret while one takes the place of the other', async () => {
    expect(await verifyCallback([NEW, OLD], headersOf(OLD), BODY, NOW)).toMatchObject({ id: 'callback_1' });
    const both = `${headersOf(OLD)['webhook-signature']} ${headersOf(NEW)['webhook-signature']}`;
    const headers = { ...headersOf(NEW), 'webhook-signature': both };
    expect(await verifyCallback(NEW, headers, BODY, NOW)).toMatchObject({ id: 'callback_1' });
  });

  it('refuses what another has signed, has changed, or has kept', async () => {
    const unknown = 'No signature is of this secret and this body.';
    expect(await refusal(NEW, headersOf(OLD), BODY, NOW)).toBe(unknown);
    expect(await refusal(NEW, headersOf(NEW), `${BODY} `, NOW)).toBe(unknown);
    expect(await refusal(NEW, { ...headersOf(NEW), 'webhook-id': 'x' }, BODY, NOW)).toBe(unknown);
    expect(await refusal(NEW, { ...headersOf(NEW), 'webhook-signature': 'v2,AAAA v1,*' }, BODY, NOW)).toBe(unknown);
    const stale = 'It was signed too long ago, or is of the future.';
    expect(await refusal(NEW, headersOf(NEW), BODY, NOW + 300_001)).toBe(stale);
    expect(await refusal(NEW, headersOf(NEW), BODY, NOW - 300_001)).toBe(stale);
    expect(await refusal(NEW, { ...headersOf(NEW), 'webhook-timestamp': 'soon' }, BODY, NOW)).toBe(stale);
    expect(await refusal(NEW, {}, BODY, NOW)).toBe('The header webhook-id is missing.');
  });

  it('says when the secret is none', async () => {
    expect(await refusal('', headersOf(NEW), BODY, NOW)).toBeInstanceOf(TypeError);
    expect(await refusal('whsec_*', headersOf(NEW), BODY, NOW)).toBeInstanceOf(TypeError);
  });
});
