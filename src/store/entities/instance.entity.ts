import { Column, Entity, Index, PrimaryGeneratedColumn } from 'typeorm';

/** One row per server process; a new one at each boot. */
@Entity('instance')
@Index('ux_instance_id', ['id'], { unique: true })
@Index('ix_instance_heartbeat', ['heartbeatAt'])
export class InstanceRow {
  @PrimaryGeneratedColumn('increment', { type: 'integer' })
  seq: number;

  @Column({ type: 'text' })
  id: string;

  @Column({ type: 'text' })
  role: string;

  @Column({ type: 'text' })
  host: string;

  @Column({ type: 'integer' })
  pid: number;

  @Column({ name: 'handler_types', type: 'text', nullable: true })
  handlerTypes: string | null;

  @Column({ name: 'started_at', type: 'integer' })
  startedAt: number;

  @Column({ name: 'heartbeat_at', type: 'integer' })
  heartbeatAt: number;

  @Column({ name: 'ended_at', type: 'integer', nullable: true })
  endedAt: number | null;

  /** When the last of its leases was taken back; null while that is still to be done. */
  @Column({ name: 'rescued_at', type: 'integer', nullable: true })
  rescuedAt: number | null;
}
