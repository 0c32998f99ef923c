import { Webhook } from 'standardwebhooks';

/**
 * The headers of Standard Webhooks. The id stays the same over all tries, so that a receiver can tell what it has already;
 * the time is that of this try, because receivers refuse what is older than some minutes. One signature for each secret.
 */
export function signatureHeaders(
  id: string,
  at: number,
  body: string,
  secrets: readonly string[],
): Record<'webhook-id' | 'webhook-timestamp' | 'webhook-signature', string> {
  const signedAt = new Date(at);
  return {
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(at / 1000)),
    'webhook-signature': secrets.map((secret) => new Webhook(secret).sign(id, signedAt, body)).join(' '),
  };
}
