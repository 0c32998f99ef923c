import { Injectable } from '@nestjs/common';
import { IsNull, LessThan, LessThanOrEqual, MoreThan, type FindOptionsWhere } from 'typeorm';
import { Clock } from '../kernel/clock.js';
import { Database } from './database.js';
import { BlobRow } from './entities/blob.entity.js';
import { FileRow } from './entities/file.entity.js';
import { TaskBodyRow } from './entities/task-body.entity.js';
import { TaskResultRow } from './entities/task-result.entity.js';
import {
  collectBlobs,
  createFile,
  deleteFile,
  DROPPABLE_FILE,
  dropBlobs,
  expireFiles,
  findVisibleFile,
  UNUSED_BLOBS,
  type NewFile,
} from './procedures/file.procedures.js';
import { SWEEP_ROWS } from './procedures/task.procedures.js';

export type StoredFile = FileRow;

export interface FilePageQuery {
  tenantSeq: number;
  /** The row after which the page starts, exclusive. */
  afterSeq: number | null;
  order: 'asc' | 'desc';
  purpose: string | null;
  limit: number;
}

@Injectable()
export class FileStore {
  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
  ) {}

  create(file: NewFile): Promise<StoredFile> {
    return this.database.write(createFile, file);
  }

  /** Refuses with `not_found` when the tenant has no such visible file. */
  delete(tenantSeq: number, id: string, by: string | null = null): Promise<void> {
    return this.database.write(deleteFile, { tenantSeq, id, by });
  }

  find(tenantSeq: number, id: string): Promise<StoredFile | null> {
    return findVisibleFile(this.database.reader, tenantSeq, id, this.clock.now());
  }

  /** The place of a file in lists, also of one that is hidden by now: clients delete what a page after it starts from. */
  async seqOf(tenantSeq: number, id: string): Promise<number | null> {
    const file = await this.database.reader.findOne(FileRow, { select: { seq: true }, where: { id, tenantSeq } });
    return file?.seq ?? null;
  }

  /** Visible files of a tenant in the order they were made. */
  page(query: FilePageQuery): Promise<StoredFile[]> {
    const { tenantSeq, afterSeq, order, purpose, limit } = query;
    const now = this.clock.now();
    const base: FindOptionsWhere<FileRow> = {
      tenantSeq,
      deletedAt: IsNull(),
      ...(purpose === null ? {} : { purpose }),
      ...(afterSeq === null ? {} : { seq: order === 'asc' ? MoreThan(afterSeq) : LessThan(afterSeq) }),
    };
    return this.database.reader.find(FileRow, {
      where: [
        { ...base, expiresAt: IsNull() },
        { ...base, expiresAt: MoreThan(now) },
      ],
      order: { seq: order },
      take: limit,
    });
  }

  blobOf(file: Pick<StoredFile, 'blobSeq'>): Promise<BlobRow> {
    return this.database.reader.findOneByOrFail(BlobRow, { seq: file.blobSeq });
  }

  blob(seq: number): Promise<BlobRow> {
    return this.database.reader.findOneByOrFail(BlobRow, { seq });
  }

  /** Whether any row refers to this blob; for telling orphans from blobs in use. */
  async isBlobKnown(key: string): Promise<boolean> {
    if (await this.database.reader.existsBy(BlobRow, { key })) return true;
    if (await this.database.reader.existsBy(TaskBodyRow, { blobKey: key })) return true;
    return this.database.reader.existsBy(TaskResultRow, { blobKey: key });
  }

  hasExpired(): Promise<boolean> {
    return this.database.reader.existsBy(FileRow, {
      deletedAt: IsNull(),
      expiresAt: LessThanOrEqual(this.clock.now()),
    });
  }

  /** Whether any hidden file can be forgotten, or any blob has no file any more. */
  async hasDeleted(): Promise<boolean> {
    if ((await this.database.all(DROPPABLE_FILE, {})).length > 0) return true;
    return (await this.database.all(UNUSED_BLOBS, { limit: 1 })).length > 0;
  }

  /** Hides files whose time is over; returns how many. */
  expire(): Promise<number> {
    return this.database.write(expireFiles, { limit: SWEEP_ROWS });
  }

  /** Blobs that nothing refers to any more; tell `dropBlobs` when their bytes are gone. */
  collectBlobs(limit: number): Promise<{ seq: number; key: string }[]> {
    return this.database.write(collectBlobs, { limit });
  }

  dropBlobs(seqs: number[]): Promise<void> {
    return this.database.write(dropBlobs, { seqs });
  }
}
