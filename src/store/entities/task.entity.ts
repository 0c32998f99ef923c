import { Column, Entity, Index, PrimaryGeneratedColumn } from 'typeorm';

/** The current attempt of a unit of work; kept slim because every change of state writes it anew. Bodies and results have tables of their own; a batch line's body stays in the input blob at (body_offset, body_length). States: 0 scheduled, 1 ready, 2 leased, 3 completed, 4 failed, 5 expired, 6 cancelled. */
@Entity('task')
@Index('ux_task_id', ['id'], { unique: true, where: `id IS NOT NULL` })
@Index('ux_task_line', ['batchSeq', 'line'], { unique: true, where: `batch_seq IS NOT NULL` })
@Index('ix_task_ready', ['laneSeq', 'seq'], { where: `state = 1` })
@Index('ix_task_typed', ['laneSeq', 'type', 'seq'], { where: `state = 1 AND type IS NOT NULL` })
@Index('ix_task_scheduled', ['availableAt', 'laneSeq'], { where: `state = 0` })
@Index('ix_task_leased', ['laneSeq', 'seq'], { where: `state = 2` })
@Index('ix_task_lease', ['leaseUntil'], { where: `state = 2 AND lease_until IS NOT NULL` })
@Index('ix_task_expiry', ['expiresAt'], { where: `state < 3 AND expires_at IS NOT NULL` })
@Index('ix_task_single', ['tenantSeq', 'seq'], { where: `batch_seq IS NULL` })
@Index('ix_task_failed', ['queueSeq', 'seq'], { where: `state = 4 AND batch_seq IS NULL` })
@Index('ix_task_ended', ['queueSeq', 'state', 'endedAt'], { where: `batch_seq IS NULL AND ended_at IS NOT NULL` })
export class TaskRow {
  @PrimaryGeneratedColumn('increment', { type: 'integer' })
  seq: number;

  @Column({ type: 'text', nullable: true })
  id: string | null;

  @Column({ name: 'tenant_seq', type: 'integer' })
  tenantSeq: number;

  @Column({ name: 'queue_seq', type: 'integer' })
  queueSeq: number;

  @Column({ name: 'lane_seq', type: 'integer' })
  laneSeq: number;

  @Column({ type: 'integer' })
  state: number;

  @Column({ type: 'text' })
  mode: string;

  @Column({ type: 'text', nullable: true })
  type: string | null;

  @Column({ type: 'text', nullable: true })
  endpoint: string | null;

  @Column({ name: 'key_id', type: 'text', nullable: true })
  keyId: string | null;

  @Column({ name: 'batch_seq', type: 'integer', nullable: true })
  batchSeq: number | null;

  @Column({ type: 'integer', nullable: true })
  line: number | null;

  @Column({ name: 'custom_id', type: 'text', nullable: true })
  customId: string | null;

  @Column({ name: 'body_offset', type: 'integer', nullable: true })
  bodyOffset: number | null;

  @Column({ name: 'body_length', type: 'integer', nullable: true })
  bodyLength: number | null;

  @Column({ type: 'integer', default: 0 })
  epoch: number;

  @Column({ type: 'integer', default: 0 })
  tries: number;

  @Column({ type: 'integer', default: 0 })
  losses: number;

  @Column({ name: 'owner_seq', type: 'integer', nullable: true })
  ownerSeq: number | null;

  @Column({ name: 'worker_seq', type: 'integer', nullable: true })
  workerSeq: number | null;

  @Column({ name: 'lease_until', type: 'integer', nullable: true })
  leaseUntil: number | null;

  @Column({ name: 'lease_ms', type: 'integer', nullable: true })
  leaseMs: number | null;

  @Column({ name: 'lease_end', type: 'text', nullable: true })
  leaseEnd: string | null;

  @Column({ name: 'lease_retries', type: 'integer', nullable: true })
  leaseRetries: number | null;

  @Column({ name: 'enqueued_at', type: 'integer' })
  enqueuedAt: number;

  @Column({ name: 'available_at', type: 'integer', nullable: true })
  availableAt: number | null;

  @Column({ name: 'expires_at', type: 'integer', nullable: true })
  expiresAt: number | null;

  @Column({ name: 'leased_at', type: 'integer', nullable: true })
  leasedAt: number | null;

  @Column({ name: 'ended_at', type: 'integer', nullable: true })
  endedAt: number | null;

  @Column({ name: 'status_code', type: 'integer', nullable: true })
  statusCode: number | null;

  @Column({ name: 'trace_id', type: 'text', nullable: true })
  traceId: string | null;

  @Column({ name: 'callback_url', type: 'text', nullable: true })
  callbackUrl: string | null;
}
