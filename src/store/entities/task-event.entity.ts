import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** Events of tasks, several of one flush a row: `events` is a JSON array, and `n` the number of its last one, counted from 1. A stream belongs to one attempt (epoch). */
@Entity('task_event')
@Index('ix_task_event_age', ['createdAt'])
export class TaskEventRow {
  @PrimaryColumn({ name: 'task_seq', type: 'integer' })
  taskSeq: number;

  @PrimaryColumn({ type: 'integer' })
  n: number;

  @Column({ type: 'integer' })
  epoch: number;

  @Column({ type: 'text' })
  events: string;

  @Column({ name: 'created_at', type: 'integer' })
  createdAt: number;
}
