import { Column, Entity, Index, PrimaryGeneratedColumn } from 'typeorm';

/** `max…` are quotas; null for none. */
@Entity('tenant')
@Index('ux_tenant_id', ['id'], { unique: true })
@Index('ux_tenant_name', ['name'], { unique: true })
export class TenantRow {
  @PrimaryGeneratedColumn('increment', { type: 'integer' })
  seq: number;

  @Column({ type: 'text' })
  id: string;

  @Column({ type: 'text' })
  name: string;

  @Column({ name: 'max_files', type: 'integer', nullable: true })
  maxFiles: number | null;

  @Column({ name: 'max_bytes', type: 'integer', nullable: true })
  maxBytes: number | null;

  @Column({ name: 'max_queued_lines', type: 'integer', nullable: true })
  maxQueuedLines: number | null;

  @Column({ name: 'created_at', type: 'integer' })
  createdAt: number;
}
