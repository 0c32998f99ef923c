/** Files that tenants upload and download. The bytes are in the blob store, everything else is in SQL. */
import { Readable } from 'node:stream';
import { Injectable } from '@nestjs/common';
import { AppConfig } from '../../config/app-config.js';
import { crashPoint } from '../../kernel/crash-point.js';
import { MillraceError } from '../../kernel/errors.js';
import { newId } from '../../kernel/ids.js';
import { BlobStore } from '../../ports/blob-store.js';
import { FileStore, type FilePageQuery, type StoredFile } from '../../store/file.store.js';
import type { NewFile } from '../../store/procedures/file.procedures.js';
import { bytesLeft, checkFileRoom } from '../../store/procedures/quota.js';
import { TenantStore } from '../../store/tenant.store.js';
import { AppLogger } from '../../telemetry/logger.js';
import { Metrics } from '../../telemetry/metrics.js';
import { checkBatchFile } from './batch-file.js';
import { cleanFileName } from './file-name.js';
import { DOWNLOAD_PURPOSES, type UploadPurpose } from './purpose.js';
import { SpooledFile } from './spooled-file.js';
import { vouchedBytes } from './vouched-bytes.js';

export interface FileSpec {
  tenantSeq: number;
  purpose: UploadPurpose;
  filename: string;
  /** Null: what is usual for the purpose. */
  ttlMs: number | null;
}

export interface FileQuery {
  tenantSeq: number;
  /** The id after which the page starts, exclusive. */
  after: string | null;
  order: 'asc' | 'desc';
  purpose: string | null;
  limit: number;
}

export interface FilePage {
  files: StoredFile[];
  hasMore: boolean;
}

/** A page is read in pieces, so that no single read is long. */
const READ_ROWS = 500;

@Injectable()
export class FilesService {
  constructor(
    private readonly config: AppConfig,
    private readonly store: FileStore,
    private readonly blobs: BlobStore,
    private readonly metrics: Metrics,
    private readonly tenants: TenantStore,
    private readonly logger: AppLogger,
  ) {}

  /**
   * Begins to take in bytes; end it with `create`, or with `abort` on what it returned. Refuses with `insufficient_storage`,
   * and with `quota_exceeded` what the tenant has no room for, as soon as that can be told. `create` looks once more.
   */
  async spool(tenantSeq: number): Promise<SpooledFile> {
    await this.checkSpace();
    const quota = await this.tenants.fileQuota(tenantSeq);
    if (quota) checkFileRoom(quota, 0);
    const blobKey = newId('blob');
    return new SpooledFile({
      blobKey,
      writer: await this.blobs.create(blobKey),
      maxBytes: this.config.limits.maxFileBytes,
      checkRoom: (bytes) => {
        if (quota && bytes > bytesLeft(quota)) checkFileRoom(quota, null);
      },
      checkSpace: () => this.checkSpace(),
    });
  }

  /** Makes a file of spooled bytes. Durable when it resolves; when it rejects the bytes are still to be aborted. */
  async create(spooled: SpooledFile, { tenantSeq, purpose, filename, ttlMs }: FileSpec): Promise<StoredFile> {
    const name = cleanFileName(filename);
    if (purpose === 'batch') checkBatchFile(name, spooled.firstLine);
    const sha256 = await spooled.commit();
    crashPoint('upload:before-row');
    const file = await this.insert({
      id: newId('file'),
      tenantSeq,
      purpose,
      filename: name,
      blobKey: spooled.blobKey,
      bytes: spooled.bytes,
      sha256,
      ttlMs: ttlMs ?? (purpose === 'batch' ? this.config.times.fileTtlMs : null),
    });
    this.metrics.filesUploaded.inc({ purpose });
    this.metrics.fileBytes.inc({ direction: 'in' }, spooled.bytes);
    return file;
  }

  /** Refuses with `not_found`, also for a file of another tenant; so do all others that take an id. */
  async get(tenantSeq: number, id: string): Promise<StoredFile> {
    const file = await this.store.find(tenantSeq, id);
    if (file === null) throw new MillraceError('not_found', `No such File object: ${id}`, { param: 'id' });
    return file;
  }

  async list({ tenantSeq, after, limit, ...filter }: FileQuery): Promise<FilePage> {
    let afterSeq = after === null ? null : await this.store.seqOf(tenantSeq, after);
    if (after !== null && afterSeq === null)
      throw new MillraceError('not_found', 'Resource not found.', { param: 'after' });
    const files: StoredFile[] = [];
    // One more than asked for tells whether there is more.
    while (files.length <= limit) {
      const query: FilePageQuery = {
        tenantSeq,
        afterSeq,
        ...filter,
        limit: Math.min(READ_ROWS, limit + 1 - files.length),
      };
      const rows = await this.store.page(query);
      files.push(...rows);
      if (rows.length < query.limit) break;
      afterSeq = rows.at(-1)!.seq;
    }
    return { files: files.slice(0, limit), hasMore: files.length > limit };
  }

  /** Hides the file at once; its bytes go when no batch needs them any more. `by`: who asks, for the audit log. */
  async delete(tenantSeq: number, id: string, by: string): Promise<void> {
    await this.store.delete(tenantSeq, id, by);
  }

  /** Whether the bytes of this file may be had back. Refuses with `invalid_request`. */
  checkReadable({ purpose }: StoredFile): void {
    if (DOWNLOAD_PURPOSES.includes(purpose)) return;
    throw new MillraceError('invalid_request', `Not allowed to download files of purpose: ${purpose}`);
  }

  /**
   * Bytes `start` (inclusive) to `end` (exclusive). Destroy the stream unless it is read to its end. Refuses with `internal`
   * when the bytes are missing and with `storage_unavailable` when they cannot be reached; damage that shows only later ends the stream with an error before its last piece.
   */
  async read(file: StoredFile, { start, end }: { start: number; end: number }): Promise<Readable> {
    const { key, bytes, sha256 } = await this.store.blobOf(file);
    const isWhole = start === 0 && end === bytes;
    try {
      const stored = await this.blobs.read(key, start, end);
      const pieces = vouchedBytes(stored, { bytes: end - start, sha256: isWhole ? sha256 : null });
      const first = await pieces.next(); // Of a small file this is all, so it is refused with a word.
      this.metrics.fileBytes.inc({ direction: 'out' }, end - start);
      const content = Readable.from(first.done ? [] : this.resumed(file, first.value, pieces), { objectMode: false });
      // Also when nobody ever reads it.
      return content.once('close', () => stored.destroy());
    } catch (cause) {
      if (isOutage(cause)) throw cause;
      this.reportDamage(file, cause);
      throw new MillraceError('internal', `The content of '${file.id}' is missing or damaged.`, { cause });
    }
  }

  /** Reports what goes wrong: who reads a stream that breaks off learns nothing but that. */
  private async *resumed(file: StoredFile, first: Buffer, rest: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
    yield first;
    try {
      yield* rest;
    } catch (error) {
      if (!isOutage(error)) this.reportDamage(file, error);
      throw error;
    }
  }

  private reportDamage({ id }: StoredFile, error: unknown): void {
    this.logger.error({ err: error, file: id }, 'the content of a file is missing or damaged');
  }

  private async insert(file: NewFile): Promise<StoredFile> {
    try {
      return await this.store.create(file);
    } catch (error) {
      // A refusal is certain. After anything else, also when the store fell silent in the commit, the row may be there, so the
      // bytes stay; if it is not, they are cleaned up as an orphan.
      const isCertain = error instanceof MillraceError && error.code !== 'outcome_unknown';
      if (isCertain) await this.blobs.delete(file.blobKey);
      throw error;
    }
  }

  private async checkSpace(): Promise<void> {
    const free = await this.blobs.freeBytes();
    if (free === null || free >= this.config.limits.minFreeDiskBytes) return;
    throw new MillraceError(
      'insufficient_storage',
      'This server has too little free disk space. Delete files or add space.',
    );
  }
}

/** The bytes are where they were, and cannot be reached just now. */
function isOutage(error: unknown): boolean {
  return error instanceof MillraceError && error.code === 'storage_unavailable';
}
