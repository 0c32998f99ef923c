import { Column, Entity, Index, PrimaryGeneratedColumn } from 'typeorm';

/** Outbox: HTTP notices written with the state change, delivered later. */
@Entity('callback')
@Index('ux_callback_id', ['id'], { unique: true })
@Index('ix_callback_due', ['availableAt'], { where: `state = 1` })
@Index('ix_callback_task', ['taskSeq'], { where: `task_seq IS NOT NULL` })
export class CallbackRow {
  @PrimaryGeneratedColumn('increment', { type: 'integer' })
  seq: number;

  @Column({ type: 'text' })
  id: string;

  @Column({ name: 'tenant_seq', type: 'integer' })
  tenantSeq: number;

  @Column({ name: 'task_seq', type: 'integer', nullable: true })
  taskSeq: number | null;

  @Column({ name: 'batch_seq', type: 'integer', nullable: true })
  batchSeq: number | null;

  @Column({ type: 'text' })
  url: string;

  @Column({ type: 'text' })
  body: string;

  @Column({ type: 'integer' })
  state: number;

  @Column({ type: 'integer', default: 0 })
  epoch: number;

  @Column({ type: 'integer', default: 0 })
  tries: number;

  @Column({ name: 'owner_seq', type: 'integer', nullable: true })
  ownerSeq: number | null;

  @Column({ name: 'available_at', type: 'integer' })
  availableAt: number;

  @Column({ name: 'last_status', type: 'integer', nullable: true })
  lastStatus: number | null;

  @Column({ name: 'last_error', type: 'text', nullable: true })
  lastError: string | null;

  @Column({ name: 'created_at', type: 'integer' })
  createdAt: number;

  @Column({ name: 'ended_at', type: 'integer', nullable: true })
  endedAt: number | null;
}
