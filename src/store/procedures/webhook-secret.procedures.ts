/** What a tenant's callbacks are signed with. */
import { WebhookSecretRow } from '../entities/webhook-secret.entity.js';
import { procedureOfOne } from '../procedure.js';
import { noteAct, type By } from './audit.js';

/** A secret as it is kept. */
export type SealedSecret = Pick<WebhookSecretRow, 'tenantSeq' | 'sealed' | 'last4'>;

/** Keeps this secret if the tenant has none; returns the one that it has now. */
export const ensureWebhookSecret = procedureOfOne('webhook-secret-ensure', async (tx, secret: SealedSecret) => {
  const { tenantSeq } = secret;
  const known = await tx.manager.findOneBy(WebhookSecretRow, { tenantSeq });
  if (known) return known;
  await tx.manager.insert(WebhookSecretRow, { ...secret, rotatedAt: tx.now });
  return tx.manager.findOneByOrFail(WebhookSecretRow, { tenantSeq });
});

export interface SecretRotation extends SealedSecret, By {
  /** Public id of the tenant, for the audit log. */
  tenantId: string;
  /** How long the secret before goes on signing beside it; 0: not at all. */
  overlapMs: number;
}

/** Puts a secret in the place of the one before, if there was one. Of three in one overlap the oldest is forgotten. */
export const rotateWebhookSecret = procedureOfOne(
  'webhook-secret-rotate',
  async (tx, { tenantSeq, sealed, last4, tenantId, overlapMs, by }: SecretRotation) => {
    const known = await tx.manager.findOneBy(WebhookSecretRow, { tenantSeq });
    const hasOverlap = known !== null && overlapMs > 0;
    await tx.manager.save(WebhookSecretRow, {
      tenantSeq,
      sealed,
      last4,
      rotatedAt: tx.now,
      previousSealed: hasOverlap ? known.sealed : null,
      previousUntil: hasOverlap ? tx.now + overlapMs : null,
    });
    const action = known === null ? 'webhook_secret.create' : 'webhook_secret.rotate';
    const detail = { last4, overlapSeconds: hasOverlap ? overlapMs / 1000 : 0 };
    await noteAct(tx, { by, action, tenantSeq, subject: tenantId, detail });
    return tx.manager.findOneByOrFail(WebhookSecretRow, { tenantSeq });
  },
);
