import { Column, Entity, Index, PrimaryGeneratedColumn } from 'typeorm';

/** Stored bytes. A row exists for every finished blob that something may refer to. `unused_at`: when its last file went. */
@Entity('blob')
@Index('ux_blob_key', ['key'], { unique: true })
@Index('ix_blob_unused', ['seq'], { where: `unused_at IS NOT NULL` })
export class BlobRow {
  @PrimaryGeneratedColumn('increment', { type: 'integer' })
  seq: number;

  @Column({ type: 'text' })
  key: string;

  @Column({ type: 'integer' })
  bytes: number;

  @Column({ type: 'text', nullable: true })
  sha256: string | null;

  @Column({ name: 'created_at', type: 'integer' })
  createdAt: number;

  @Column({ name: 'unused_at', type: 'integer', nullable: true })
  unusedAt: number | null;
}
