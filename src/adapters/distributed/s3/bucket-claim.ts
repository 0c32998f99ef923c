/**
 * Keeps deployments out of each other's buckets: an object beside the blobs names the deployment that they belong to. A process
 * that finds another name there, or none beside blobs, must touch nothing: it knows none of those blobs, and would delete them
 * all as orphans.
 */
import { buffer } from 'node:stream/consumers';
import { MillraceError } from '../../../kernel/errors.js';
import type { S3Access } from './s3-access.js';
import { ForeignBucket, isUnsupported, ReplacedBlob, storageUnavailable } from './s3-errors.js';
import { S3ReadStream } from './s3-read-stream.js';

/** No blob has a dot in its key, so this one is never listed as one of them. */
export const MARKER = 'millrace-deployment.txt';

/** What the database says. */
export interface BucketOwner {
  /** Null when it does not know itself: it is new, or was emptied. */
  deploymentId(): Promise<string | null>;
  /** Whether any row refers to a blob. */
  hasBlobs(): Promise<boolean>;
}

export class BucketClaim {
  /** @param hasObjects whether any blob is in the bucket */
  constructor(
    private readonly access: S3Access,
    private readonly owner: BucketOwner,
    private readonly hasObjects: () => Promise<boolean>,
  ) {}

  /** Changes nothing. Rejects with ForeignBucket when the bucket is not this deployment's, nor free for it to take. */
  async look(): Promise<'ours' | 'free'> {
    const id = await this.owner.deploymentId();
    let marked = await this.marked();
    if (marked === null) {
      const hasBlobs = await this.owner.hasBlobs();
      if (!hasBlobs && !(await this.hasObjects())) return 'free';
      // Another process of ours may have taken it in the meantime, and stored something.
      marked = await this.marked();
      if (marked === null) {
        const whose = hasBlobs ? 'the files that the database knows are elsewhere' : 'it holds files of somebody else';
        throw this.foreign(`${whose}: there is no ${MARKER}, which says whose it is`, id);
      }
    }
    if (marked === id) return 'ours';
    throw this.foreign(`it belongs to another deployment: its ${MARKER} says ${JSON.stringify(marked)}`, id);
  }

  /** Marks the bucket where it is free, and rejects as `look` does. Any number of processes may do it at once. */
  async take(): Promise<void> {
    if ((await this.look()) === 'ours') return;
    const id = await this.owner.deploymentId();
    if (id === null) throw this.foreign('the database does not know which deployment it is of', id);
    await this.mark(Buffer.from(`${id}\n`));
    // Who came first has it.
    if ((await this.look()) === 'free') throw storageUnavailable(new Error(`${MARKER} was written and is not there`));
  }

  private async mark(text: Buffer): Promise<void> {
    try {
      await this.access.putNew(MARKER, text);
    } catch (error) {
      if (error instanceof ReplacedBlob) return; // somebody was faster
      if (!isUnsupported(error)) throw error;
      await this.access.put(MARKER, text, 'claim');
    }
  }

  private async marked(): Promise<string | null> {
    try {
      const stream = await S3ReadStream.open(this.access, MARKER, { start: 0, end: null, etag: null });
      return stream === null ? '' : (await buffer(stream)).toString().trim();
    } catch (error) {
      if (error instanceof MillraceError && error.code === 'not_found') return null;
      throw error;
    }
  }

  private foreign(reason: string, id: string | null): ForeignBucket {
    const other =
      id === null
        ? ''
        : `; if they belong together all the same, write ${id} into the object ${this.access.nameOf(MARKER)}, and files that ` +
          'the database does not know will be deleted';
    return new ForeignBucket(
      reason,
      `correct MILLRACE_S3_URL or MILLRACE_DATABASE_URL, or restore the backup of the database first${other}`,
    );
  }
}
