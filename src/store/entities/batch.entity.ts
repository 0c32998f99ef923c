import { Column, Entity, Index, PrimaryGeneratedColumn } from 'typeorm';

/** `ingested` lines of `total` have a task row. `planned_*` fix the result files' ids before they are written, so that a finalize that was cut off goes on with the same ones. `outcome` is how the batch will end, set when it stops. `ended_at` is when it got its last state, whichever that is; `cleared_at` when the rows of its lines were forgotten. */
@Entity('batch')
@Index('ux_batch_id', ['id'], { unique: true })
@Index('ix_batch_tenant', ['tenantSeq', 'seq'])
@Index('ix_batch_live', ['state', 'seq'], {
  where: `state IN ('validating', 'in_progress', 'finalizing', 'cancelling')`,
})
@Index('ix_batch_blob', ['inputBlobSeq'])
@Index('ix_batch_stopped', ['seq'], { where: `outcome IS NOT NULL AND settled_at IS NULL` })
@Index('ix_batch_uncleared', ['endedAt'], { where: `ended_at IS NOT NULL AND cleared_at IS NULL` })
@Index('ix_batch_cleared', ['endedAt'], { where: `ended_at IS NOT NULL AND cleared_at IS NOT NULL` })
export class BatchRow {
  @PrimaryGeneratedColumn('increment', { type: 'integer' })
  seq: number;

  @Column({ type: 'text' })
  id: string;

  @Column({ name: 'tenant_seq', type: 'integer' })
  tenantSeq: number;

  @Column({ name: 'queue_seq', type: 'integer', nullable: true })
  queueSeq: number | null;

  @Column({ type: 'integer' })
  level: number;

  @Column({ type: 'text' })
  endpoint: string;

  @Column({ name: 'completion_window', type: 'text' })
  completionWindow: string;

  @Column({ type: 'text' })
  state: string;

  @Column({ type: 'text', nullable: true })
  outcome: string | null;

  @Column({ name: 'settled_at', type: 'integer', nullable: true })
  settledAt: number | null;

  @Column({ name: 'input_file_id', type: 'text' })
  inputFileId: string;

  @Column({ name: 'input_blob_seq', type: 'integer' })
  inputBlobSeq: number;

  @Column({ type: 'text', nullable: true })
  metadata: string | null;

  @Column({ name: 'output_ttl_ms', type: 'integer', nullable: true })
  outputTtlMs: number | null;

  @Column({ type: 'text', nullable: true })
  model: string | null;

  @Column({ type: 'text', nullable: true })
  errors: string | null;

  @Column({ type: 'integer', default: 0 })
  total: number;

  @Column({ type: 'integer', default: 0 })
  ingested: number;

  @Column({ type: 'integer', default: 0 })
  completed: number;

  @Column({ type: 'integer', default: 0 })
  failed: number;

  @Column({ name: 'input_tokens', type: 'integer', default: 0 })
  inputTokens: number;

  @Column({ name: 'cached_tokens', type: 'integer', default: 0 })
  cachedTokens: number;

  @Column({ name: 'output_tokens', type: 'integer', default: 0 })
  outputTokens: number;

  @Column({ name: 'reasoning_tokens', type: 'integer', default: 0 })
  reasoningTokens: number;

  @Column({ name: 'total_tokens', type: 'integer', default: 0 })
  totalTokens: number;

  @Column({ name: 'planned_output_id', type: 'text', nullable: true })
  plannedOutputId: string | null;

  @Column({ name: 'planned_error_id', type: 'text', nullable: true })
  plannedErrorId: string | null;

  @Column({ name: 'output_file_id', type: 'text', nullable: true })
  outputFileId: string | null;

  @Column({ name: 'error_file_id', type: 'text', nullable: true })
  errorFileId: string | null;

  @Column({ name: 'created_at', type: 'integer' })
  createdAt: number;

  @Column({ name: 'expires_at', type: 'integer' })
  expiresAt: number;

  @Column({ name: 'in_progress_at', type: 'integer', nullable: true })
  inProgressAt: number | null;

  @Column({ name: 'finalizing_at', type: 'integer', nullable: true })
  finalizingAt: number | null;

  @Column({ name: 'completed_at', type: 'integer', nullable: true })
  completedAt: number | null;

  @Column({ name: 'failed_at', type: 'integer', nullable: true })
  failedAt: number | null;

  @Column({ name: 'expired_at', type: 'integer', nullable: true })
  expiredAt: number | null;

  @Column({ name: 'cancelling_at', type: 'integer', nullable: true })
  cancellingAt: number | null;

  @Column({ name: 'cancelled_at', type: 'integer', nullable: true })
  cancelledAt: number | null;

  @Column({ name: 'ended_at', type: 'integer', nullable: true })
  endedAt: number | null;

  @Column({ name: 'cleared_at', type: 'integer', nullable: true })
  clearedAt: number | null;
}
