import { Column, Entity, Index, PrimaryGeneratedColumn } from 'typeorm';

/**
 * Outbox: HTTP notices written with the state change, delivered later. `body` is null where it is the recorded result of
 * the task; `target` is the origin of `url`.
 */
@Entity('callback')
@Index('ux_callback_id', ['id'], { unique: true })
@Index('ix_callback_due', ['availableAt'], { where: `state = 1` })
@Index('ix_callback_target', ['tenantSeq', 'target', 'availableAt'], { where: `state = 1` })
@Index('ix_callback_lease', ['ownerSeq'], { where: `state = 2` })
@Index('ix_callback_task', ['taskSeq'], { where: `task_seq IS NOT NULL` })
@Index('ix_callback_ended', ['state', 'endedAt'], { where: `ended_at IS NOT NULL` })
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
  target: string;

  @Column({ type: 'text', nullable: true })
  body: string | null;

  @Column({ type: 'integer' })
  state: number;

  @Column({ type: 'integer', default: 0 })
  epoch: number;

  @Column({ type: 'integer', default: 0 })
  tries: number;

  @Column({ name: 'owner_seq', type: 'integer', nullable: true })
  ownerSeq: number | null;

  @Column({ name: 'leased_at', type: 'integer', nullable: true })
  leasedAt: number | null;

  @Column({ name: 'available_at', type: 'integer' })
  availableAt: number;

  @Column({ name: 'created_at', type: 'integer' })
  createdAt: number;

  @Column({ name: 'ended_at', type: 'integer', nullable: true })
  endedAt: number | null;
}
