import { Column, Entity, Index, PrimaryGeneratedColumn } from 'typeorm';

/** Only a hash of a key is kept. `scopes` is a JSON array of strings. */
@Entity('api_key')
@Index('ux_api_key_id', ['id'], { unique: true })
@Index('ix_api_key_tenant', ['tenantSeq', 'seq'])
export class ApiKeyRow {
  @PrimaryGeneratedColumn('increment', { type: 'integer' })
  seq: number;

  @Column({ type: 'text' })
  id: string;

  @Column({ name: 'tenant_seq', type: 'integer' })
  tenantSeq: number;

  @Column({ type: 'text' })
  name: string;

  @Column({ type: 'text' })
  hash: string;

  @Column({ type: 'text' })
  last4: string;

  @Column({ type: 'text' })
  scopes: string;

  @Column({ name: 'created_at', type: 'integer' })
  createdAt: number;

  @Column({ name: 'expires_at', type: 'integer', nullable: true })
  expiresAt: number | null;

  @Column({ name: 'revoked_at', type: 'integer', nullable: true })
  revokedAt: number | null;
}
