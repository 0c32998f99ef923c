import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** Bodies of single tasks. Exactly one of `body` and `blob_key` is set: what is large is spilled to a blob. */
@Entity('task_body')
@Index('ix_task_body_blob', ['blobKey'], { where: `blob_key IS NOT NULL` })
export class TaskBodyRow {
  @PrimaryColumn({ name: 'task_seq', type: 'integer' })
  taskSeq: number;

  @Column({ type: 'text', nullable: true })
  body: string | null;

  @Column({ name: 'blob_key', type: 'text', nullable: true })
  blobKey: string | null;
}
