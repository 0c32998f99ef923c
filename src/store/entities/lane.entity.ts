import { Column, Entity, Index, PrimaryGeneratedColumn } from 'typeorm';

/** The row is the mutex of its lane where the database has row locks. `locked_*`: the sequential lock. */
@Entity('lane')
@Index('ux_lane_level', ['queueSeq', 'level'], { unique: true })
export class LaneRow {
  @PrimaryGeneratedColumn('increment', { type: 'integer' })
  seq: number;

  @Column({ name: 'queue_seq', type: 'integer' })
  queueSeq: number;

  @Column({ type: 'integer' })
  level: number;

  @Column({ name: 'cleared_seq', type: 'integer', default: 0 })
  clearedSeq: number;

  @Column({ name: 'locked_seq', type: 'integer', nullable: true })
  lockedSeq: number | null;

  @Column({ name: 'locked_epoch', type: 'integer', nullable: true })
  lockedEpoch: number | null;

  @Column({ name: 'put_count', type: 'integer', default: 0 })
  putCount: number;

  @Column({ name: 'taken_count', type: 'integer', default: 0 })
  takenCount: number;

  @Column({ name: 'completed_count', type: 'integer', default: 0 })
  completedCount: number;

  @Column({ name: 'failed_count', type: 'integer', default: 0 })
  failedCount: number;

  @Column({ name: 'expired_count', type: 'integer', default: 0 })
  expiredCount: number;

  @Column({ name: 'cancelled_count', type: 'integer', default: 0 })
  cancelledCount: number;
}
