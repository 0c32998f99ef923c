import { Column, Entity, Index, PrimaryGeneratedColumn } from 'typeorm';

/**
 * Acts of people: keys made, queues changed, batches cancelled. Append-only. `tenantSeq` is null where the subject belongs
 * to no tenant; `detail` is a JSON object.
 */
@Entity('audit_entry')
@Index('ux_audit_id', ['id'], { unique: true })
@Index('ix_audit_tenant', ['tenantSeq', 'seq'])
export class AuditEntryRow {
  @PrimaryGeneratedColumn('increment', { type: 'integer' })
  seq: number;

  @Column({ type: 'text' })
  id: string;

  @Column({ name: 'tenant_seq', type: 'integer', nullable: true })
  tenantSeq: number | null;

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
