/**
 * What a backup is made of, in a folder or a tar file alike: `millrace.sqlite`, the generated keys, `blobs/<key>`, and last
 * `manifest.json`, which lists all others with size and SHA-256. Without a manifest it is no backup.
 */
import { createHash, type Hash } from 'node:crypto';
import type { StoreCounts } from '../../store/inspection.js';

export const MANIFEST = 'manifest.json';
export const DATABASE = 'millrace.sqlite';
export const KEY_FILES = ['secret.key', 'admin.key'] as const;
export const BLOBS = 'blobs/';

const BLOB_PATH = /^blobs\/[A-Za-z0-9_-]{1,90}$/;

export interface ManifestEntry {
  path: string;
  bytes: number;
  sha256: string;
}

export interface Manifest {
  format: 1;
  /** The version that made it. */
  version: string;
  createdAt: string;
  /** Rows of the database, for people and for a check. */
  counts: StoreCounts;
  entries: ManifestEntry[];
}

export interface ArchiveWriter {
  /** Adds a file of exactly `bytes` bytes. */
  add: (path: string, bytes: number, content: AsyncIterable<Buffer>) => Promise<void>;
  /** Makes it durable and gives it its name. */
  finish: () => Promise<void>;
  /** Leaves nothing. */
  abort: () => Promise<void>;
}

/** A file of an archive; read its content before the next one is asked for. */
export interface ArchivedFile {
  path: string;
  content: AsyncIterable<Buffer>;
}

/** Whether a backup may hold a file of this name: nothing else is written anywhere when it is restored. */
export function isKnownPath(path: string): boolean {
  return path === DATABASE || path === MANIFEST || isKeyFile(path) || BLOB_PATH.test(path);
}

export function isKeyFile(path: string): boolean {
  return (KEY_FILES as readonly string[]).includes(path);
}

/** Hands on what passes, and knows in the end what it was. */
export class Meter {
  bytes = 0;
  private readonly hash: Hash = createHash('sha256');

  async *through(content: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of content) {
      this.bytes += chunk.length;
      this.hash.update(chunk);
      yield chunk;
    }
  }

  /** Once, when all has passed. */
  sha256(): string {
    return this.hash.digest('hex');
  }
}
