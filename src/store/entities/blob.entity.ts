import { Column, Entity, Index, PrimaryGeneratedColumn } from 'typeorm';

/** Stored bytes. A row exists for every finished blob that something may refer to. */
@Entity('blob')
@Index('ux_blob_key', ['key'], { unique: true })
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
}
