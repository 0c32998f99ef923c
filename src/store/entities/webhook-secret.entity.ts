import { Column, Entity, PrimaryColumn } from 'typeorm';

/** What a tenant's callbacks are signed with, encrypted; the one before signs too until `previous_until`. */
@Entity('webhook_secret')
export class WebhookSecretRow {
  @PrimaryColumn({ name: 'tenant_seq', type: 'integer' })
  tenantSeq: number;

  @Column({ type: 'text' })
  sealed: string;

  @Column({ type: 'text' })
  last4: string;

  @Column({ name: 'rotated_at', type: 'integer' })
  rotatedAt: number;

  @Column({ name: 'previous_sealed', type: 'text', nullable: true })
  previousSealed: string | null;

  @Column({ name: 'previous_until', type: 'integer', nullable: true })
  previousUntil: number | null;
}
