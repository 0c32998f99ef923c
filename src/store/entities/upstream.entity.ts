import { Column, Entity, Index, PrimaryGeneratedColumn } from 'typeorm';

/** `sealed_key` is encrypted; only `key_last4` is ever shown. `source` is 'env' for the one made from MILLRACE_UPSTREAM_*. */
@Entity('upstream')
@Index('ux_upstream_id', ['id'], { unique: true })
@Index('ux_upstream_name', ['name'], { unique: true })
export class UpstreamRow {
  @PrimaryGeneratedColumn('increment', { type: 'integer' })
  seq: number;

  @Column({ type: 'text' })
  id: string;

  @Column({ type: 'text' })
  name: string;

  @Column({ name: 'base_url', type: 'text' })
  baseUrl: string;

  @Column({ name: 'sealed_key', type: 'text', nullable: true })
  sealedKey: string | null;

  @Column({ name: 'key_last4', type: 'text', nullable: true })
  keyLast4: string | null;

  @Column({ type: 'integer' })
  concurrency: number;

  @Column({ name: 'per_minute', type: 'integer', nullable: true })
  perMinute: number | null;

  @Column({ type: 'text' })
  source: string;

  @Column({ name: 'created_at', type: 'integer' })
  createdAt: number;

  @Column({ name: 'updated_at', type: 'integer' })
  updatedAt: number;
}
