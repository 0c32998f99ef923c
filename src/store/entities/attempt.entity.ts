import { Column, Entity, Index, PrimaryGeneratedColumn } from 'typeorm';

/** Attempts that failed or lost their lease; the happy path writes none. */
@Entity('attempt')
@Index('ix_attempt_task', ['taskSeq', 'seq'])
export class AttemptRow {
  @PrimaryGeneratedColumn('increment', { type: 'integer' })
  seq: number;

  @Column({ name: 'task_seq', type: 'integer' })
  taskSeq: number;

  @Column({ type: 'integer' })
  epoch: number;

  @Column({ name: 'owner_seq', type: 'integer', nullable: true })
  ownerSeq: number | null;

  @Column({ name: 'worker_seq', type: 'integer', nullable: true })
  workerSeq: number | null;

  @Column({ name: 'started_at', type: 'integer', nullable: true })
  startedAt: number | null;

  @Column({ name: 'ended_at', type: 'integer' })
  endedAt: number;

  @Column({ type: 'text' })
  outcome: string;

  @Column({ name: 'status_code', type: 'integer', nullable: true })
  statusCode: number | null;

  @Column({ type: 'text', nullable: true })
  detail: string | null;
}
