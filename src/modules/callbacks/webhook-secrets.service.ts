import { randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Clock } from '../../kernel/clock.js';
import { SecretSealer } from '../../kernel/secret-sealer.js';
import { WebhookSecretStore, type StoredWebhookSecret } from '../../store/webhook-secret.store.js';

/** Standard Webhooks wants 24 to 64. */
const SECRET_BYTES = 32;

export interface MadeSecret {
  /** The secret itself. It is kept sealed, and this is the only time it is shown. */
  secret: string;
  row: StoredWebhookSecret;
}

/** What a tenant's callbacks are signed with, so that their receivers know who sent them. */
@Injectable()
export class WebhookSecretsService {
  constructor(
    private readonly store: WebhookSecretStore,
    private readonly sealer: SecretSealer,
    private readonly clock: Clock,
  ) {}

  /** Null as long as the tenant has none: it comes with its first callback, or when somebody asks for one. */
  find(tenantSeq: number): Promise<StoredWebhookSecret | null> {
    return this.store.find(tenantSeq);
  }

  /** Makes a secret, in the place of the one before if there is one; that goes on signing beside it for `overlapMs`. */
  async rotate(tenant: { seq: number; id: string }, overlapMs: number, by: string): Promise<MadeSecret> {
    const secret = makeSecret();
    const row = await this.store.rotate({ ...this.seal(tenant.seq, secret), tenantId: tenant.id, overlapMs, by });
    return { secret, row };
  }

  /** All secrets that a tenant's callbacks are to be signed with now, the newest first; made if it has none. */
  async signingWith(tenantSeq: number): Promise<string[]> {
    const row = (await this.store.find(tenantSeq)) ?? (await this.store.ensure(this.seal(tenantSeq, makeSecret())));
    const { sealed, previousSealed } = row;
    const isOverlap = previousSealed !== null && previousUntilOf(row) > this.clock.now();
    return [sealed, ...(isOverlap ? [previousSealed] : [])].map((text) => this.sealer.open(text));
  }

  private seal(tenantSeq: number, secret: string): Pick<StoredWebhookSecret, 'tenantSeq' | 'sealed' | 'last4'> {
    return { tenantSeq, sealed: this.sealer.seal(secret), last4: secret.slice(-4) };
  }
}

function previousUntilOf({ previousUntil }: StoredWebhookSecret): number {
  return previousUntil ?? 0;
}

/** `whsec_` and Base64, as the libraries of Standard Webhooks take it. */
function makeSecret(): string {
  return `whsec_${randomBytes(SECRET_BYTES).toString('base64')}`;
}
