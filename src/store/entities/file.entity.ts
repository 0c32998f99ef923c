import { Column, Entity, Index, PrimaryGeneratedColumn } from 'typeorm';

/** `deleted_at` hides a file at once; its blob goes when no live batch pins it. */
@Entity('file')
@Index('ux_file_id', ['id'], { unique: true })
@Index('ix_file_tenant', ['tenantSeq', 'seq'], { where: `deleted_at IS NULL` })
@Index('ix_file_expiry', ['expiresAt'], { where: `deleted_at IS NULL AND expires_at IS NOT NULL` })
@Index('ix_file_deleted', ['deletedAt'], { where: `deleted_at IS NOT NULL` })
@Index('ix_file_blob', ['blobSeq'])
export class FileRow {
  @PrimaryGeneratedColumn('increment', { type: 'integer' })
  seq: number;

  @Column({ type: 'text' })
  id: string;

  @Column({ name: 'tenant_seq', type: 'integer' })
  tenantSeq: number;

  @Column({ name: 'blob_seq', type: 'integer' })
  blobSeq: number;

  @Column({ type: 'text' })
  purpose: string;

  @Column({ type: 'text' })
  filename: string;

  @Column({ type: 'integer' })
  bytes: number;

  @Column({ name: 'created_at', type: 'integer' })
  createdAt: number;

  @Column({ name: 'expires_at', type: 'integer', nullable: true })
  expiresAt: number | null;

  @Column({ name: 'deleted_at', type: 'integer', nullable: true })
  deletedAt: number | null;
}
