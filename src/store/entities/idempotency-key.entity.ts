import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

@Entity('idempotency_key')
@Index('ix_idempotency_expiry', ['expiresAt'])
export class IdempotencyKeyRow {
  @PrimaryColumn({ name: 'tenant_seq', type: 'integer' })
  tenantSeq: number;

  @PrimaryColumn({ type: 'text' })
  scope: string;

  @PrimaryColumn({ type: 'text' })
  key: string;

  @Column({ name: 'request_hash', type: 'text' })
  requestHash: string;

  @Column({ name: 'subject_id', type: 'text' })
  subjectId: string;

  @Column({ name: 'expires_at', type: 'integer' })
  expiresAt: number;
}
