import { Column, Entity, Index, PrimaryGeneratedColumn } from 'typeorm';

/** Every try to deliver a callback. `error` is null where the receiver took it; `answer` is the beginning of what it said. */
@Entity('callback_attempt')
@Index('ix_callback_attempt', ['callbackSeq', 'seq'])
export class CallbackAttemptRow {
  @PrimaryGeneratedColumn('increment', { type: 'integer' })
  seq: number;

  @Column({ name: 'callback_seq', type: 'integer' })
  callbackSeq: number;

  @Column({ type: 'integer' })
  epoch: number;

  @Column({ name: 'started_at', type: 'integer' })
  startedAt: number;

  @Column({ name: 'took_ms', type: 'integer' })
  tookMs: number;

  @Column({ name: 'status_code', type: 'integer', nullable: true })
  statusCode: number | null;

  @Column({ type: 'text', nullable: true })
  error: string | null;

  @Column({ type: 'text', nullable: true })
  answer: string | null;
}
