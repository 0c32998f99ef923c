import { Column, Entity, Index, PrimaryGeneratedColumn } from 'typeorm';

/** Workers that pull over HTTP, as they name themselves. */
@Entity('worker')
@Index('ux_worker_name', ['tenantSeq', 'name'], { unique: true })
@Index('ix_worker_seen', ['lastSeenAt'])
export class WorkerRow {
  @PrimaryGeneratedColumn('increment', { type: 'integer' })
  seq: number;

  @Column({ name: 'tenant_seq', type: 'integer' })
  tenantSeq: number;

  @Column({ type: 'text' })
  name: string;

  @Column({ type: 'integer', nullable: true })
  capacity: number | null;

  /** What it asks for: a JSON object of instants by the `seq` of the lane. */
  @Column({ type: 'text', nullable: true })
  lanes: string | null;

  @Column({ name: 'created_at', type: 'integer' })
  createdAt: number;

  @Column({ name: 'last_seen_at', type: 'integer' })
  lastSeenAt: number;
}
