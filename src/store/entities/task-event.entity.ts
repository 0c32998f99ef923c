import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** Events of streaming tasks, several of one flush a row; a stream belongs to one attempt (epoch). */
@Entity('task_event')
@Index('ix_task_event_age', ['createdAt'])
export class TaskEventRow {
  @PrimaryColumn({ name: 'task_seq', type: 'integer' })
  taskSeq: number;

  @PrimaryColumn({ type: 'integer' })
  n: number;

  @Column({ type: 'integer' })
  epoch: number;

  @Column({ type: 'text', nullable: true })
  id: string | null;

  @Column({ type: 'text', nullable: true })
  name: string | null;

  @Column({ type: 'text' })
  data: string;

  @Column({ name: 'created_at', type: 'integer' })
  createdAt: number;
}
