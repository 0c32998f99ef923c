import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** Names that other dialects give to tasks. */
@Entity('task_alias')
@Index('ix_task_alias_task', ['taskSeq'])
export class TaskAliasRow {
  @PrimaryColumn({ type: 'text' })
  dialect: string;

  @PrimaryColumn({ type: 'text' })
  scope: string;

  @PrimaryColumn({ type: 'text' })
  alias: string;

  @Column({ name: 'task_seq', type: 'integer' })
  taskSeq: number;
}
