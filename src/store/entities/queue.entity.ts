import { Column, Entity, Index, PrimaryGeneratedColumn } from 'typeorm';

/** `consumers` and `models` are JSON arrays of strings; `retry_policy` is a JSON object; `eventbus` is 0 or 1. */
@Entity('queue')
@Index('ux_queue_id', ['id'], { unique: true })
@Index('ux_queue_name', ['tenantSeq', 'name'], { unique: true })
export class QueueRow {
  @PrimaryGeneratedColumn('increment', { type: 'integer' })
  seq: number;

  @Column({ type: 'text' })
  id: string;

  @Column({ name: 'tenant_seq', type: 'integer' })
  tenantSeq: number;

  @Column({ type: 'text' })
  name: string;

  @Column({ type: 'text' })
  visibility: string;

  @Column({ type: 'text', nullable: true })
  endpoint: string | null;

  @Column({ type: 'text' })
  models: string;

  @Column({ type: 'text' })
  consumers: string;

  @Column({ name: 'upstream_seq', type: 'integer', nullable: true })
  upstreamSeq: number | null;

  @Column({ name: 'max_concurrency', type: 'integer', nullable: true })
  maxConcurrency: number | null;

  @Column({ name: 'per_minute', type: 'integer', nullable: true })
  perMinute: number | null;

  @Column({ name: 'max_depth', type: 'integer', nullable: true })
  maxDepth: number | null;

  @Column({ name: 'retry_policy', type: 'text', nullable: true })
  retryPolicy: string | null;

  @Column({ name: 'completion_rule', type: 'text' })
  completionRule: string;

  @Column({ name: 'result_ttl_ms', type: 'integer', nullable: true })
  resultTtlMs: number | null;

  /** Whether what workers report over Redis counts for its tasks. */
  @Column({ type: 'integer' })
  eventbus: number;

  @Column({ name: 'paused_at', type: 'integer', nullable: true })
  pausedAt: number | null;

  @Column({ name: 'created_at', type: 'integer' })
  createdAt: number;

  @Column({ name: 'updated_at', type: 'integer' })
  updatedAt: number;
}
