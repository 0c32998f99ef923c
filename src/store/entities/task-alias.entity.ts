import { Column, Entity, PrimaryColumn } from 'typeorm';

/** Names that other dialects give to tasks. */
@Entity('task_alias')
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
