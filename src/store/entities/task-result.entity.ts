import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** The one recorded answer. No HTTP answer: `error_code` and `error_message` instead of the others. */
@Entity('task_result')
@Index('ix_task_result_blob', ['blobKey'], { where: `blob_key IS NOT NULL` })
export class TaskResultRow {
  @PrimaryColumn({ name: 'task_seq', type: 'integer' })
  taskSeq: number;

  @Column({ name: 'status_code', type: 'integer', nullable: true })
  statusCode: number | null;

  @Column({ name: 'request_id', type: 'text', nullable: true })
  requestId: string | null;

  /** See `kept-answer`. */
  @Column({ type: 'text', nullable: true })
  body: string | null;

  @Column({ name: 'blob_key', type: 'text', nullable: true })
  blobKey: string | null;

  @Column({ name: 'error_code', type: 'text', nullable: true })
  errorCode: string | null;

  @Column({ name: 'error_message', type: 'text', nullable: true })
  errorMessage: string | null;
}
