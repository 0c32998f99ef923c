import { Injectable } from '@nestjs/common';
import { Database } from './database.js';
import { WebhookSecretRow } from './entities/webhook-secret.entity.js';
import {
  ensureWebhookSecret,
  rotateWebhookSecret,
  type SealedSecret,
  type SecretRotation,
} from './procedures/webhook-secret.procedures.js';

export type StoredWebhookSecret = WebhookSecretRow;

@Injectable()
export class WebhookSecretStore {
  constructor(private readonly database: Database) {}

  find(tenantSeq: number): Promise<StoredWebhookSecret | null> {
    return this.database.reader.findOneBy(WebhookSecretRow, { tenantSeq });
  }

  /** Keeps this secret if the tenant has none; returns the one that it has now. */
  ensure(secret: SealedSecret): Promise<StoredWebhookSecret> {
    return this.database.write(ensureWebhookSecret, secret);
  }

  rotate(rotation: SecretRotation): Promise<StoredWebhookSecret> {
    return this.database.write(rotateWebhookSecret, rotation);
  }
}
