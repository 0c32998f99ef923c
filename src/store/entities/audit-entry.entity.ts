import { Column, Entity, Index, PrimaryGeneratedColumn } from 'typeorm';

/** Acts of people: keys made, queues changed, batches cancelled. Append-only. */
@Entity('audit_entry')
@Index('ix_audit_tenant', ['tenantSeq', 'seq'])
export class AuditEntryRow {
  @PrimaryGeneratedColumn('increment', { type: 'integer' })
  seq: number;

  @Column({ name: 'tenant_seq', type: 'integer' })
  tenantSeq: number;

  @Column({ type: 'text' })
  actor: string;

  @Column({ type: 'text' })
  action: string;

  @Column({ type: 'text' })
  subject: string;

  @Column({ type: 'text', nullable: true })
  detail: string | null;

  @Column({ name: 'created_at', type: 'integer' })
  createdAt: number;
}
