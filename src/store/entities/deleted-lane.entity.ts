import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/**
 * What tasks that have ended still say of a queue that was deleted: the row that each of its lanes leaves, under the same seq,
 * until none of its tasks is left. No line of a batch after `last_batch_seq` is among them.
 */
@Entity('deleted_lane')
@Index('ix_deleted_lane_queue', ['queueSeq'])
@Index('ix_deleted_lane_name', ['queueName'])
export class DeletedLaneRow {
  @PrimaryColumn({ type: 'integer' })
  seq: number;

  @Column({ name: 'queue_seq', type: 'integer' })
  queueSeq: number;

  @Column({ name: 'tenant_seq', type: 'integer' })
  tenantSeq: number;

  @Column({ name: 'queue_name', type: 'text' })
  queueName: string;

  @Column({ type: 'text' })
  visibility: string;

  @Column({ type: 'integer' })
  level: number;

  @Column({ name: 'result_ttl_ms', type: 'integer', nullable: true })
  resultTtlMs: number | null;

  @Column({ name: 'last_batch_seq', type: 'integer' })
  lastBatchSeq: number;
}
