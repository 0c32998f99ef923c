/**
 * Bytes in: an upload, a result file. Bytes out: any range of them.
 *
 * Invariant: a blob is visible under its key only when it is whole and durable (fsync, or a finished multipart
 * upload). A writer that is aborted, or whose process dies, leaves nothing that `keys()` would list.
 */
import type { Readable } from 'node:stream';

export interface BlobStat {
  bytes: number;
}

/**
 * An unfinished blob. Exactly one of `commit` and `abort` ends it, the first; both are safe to call again. After a write
 * that failed (`insufficient_storage` when there is no room) only `abort` is left.
 */
export interface BlobWriter {
  /** Appends; resolves when the store can take more. The chunk must not be changed afterwards. */
  write(chunk: Buffer): Promise<void>;
  /** Makes the blob durable and visible. */
  commit(): Promise<void>;
  /** Drops everything written so far. */
  abort(): Promise<void>;
}

export interface BlobKey {
  key: string;
  modifiedAt: number;
}

export abstract class BlobStore {
  /**
   * Begins a blob. The key is an id of our own making, never a name somebody sent: letters, digits, `_` and `-`, at most
   * 200 of them, else this and all other methods reject with a TypeError. A key that exists is replaced by the commit.
   */
  abstract create(key: string): Promise<BlobWriter>;

  /**
   * Streams bytes `start` (inclusive) to `end` (exclusive), by default all. Rejects with `not_found` if there is no such
   * blob, before any byte. Goes on to its end even if the blob is deleted meanwhile; read it to its end or destroy it.
   */
  abstract read(key: string, start?: number, end?: number): Promise<Readable>;

  /** One range at once; shorter than asked for only where the blob ends. Rejects with `not_found` as `read` does. */
  abstract readRange(key: string, start: number, length: number): Promise<Buffer>;

  /** Null when there is no such blob. */
  abstract stat(key: string): Promise<BlobStat | null>;

  /** Removing an absent blob is fine. */
  abstract delete(key: string): Promise<void>;

  /** All finished blobs, in any order; for finding orphans. */
  abstract keys(): AsyncIterable<BlobKey>;

  /** Free space in bytes, or null where the idea makes no sense. */
  abstract freeBytes(): Promise<number | null>;
}
