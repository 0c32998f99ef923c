/**
 * Blobs as objects of one bucket: `<prefix of MILLRACE_S3_URL><key>`.
 *
 * Invariant: S3 shows an object only when it is whole. What a dead process leaves is an unfinished multipart upload, which
 * nobody reads but which takes space until it is aborted: the sweep here does it after a day. As a second net, and because
 * some servers list such uploads only by their whole keys, give the bucket a lifecycle rule that aborts incomplete multipart
 * uploads after 2 days (`AbortIncompleteMultipartUpload`, `DaysAfterInitiation: 2`), and no rule that expires objects.
 */
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { describeS3Url, type S3Location } from '../../../config/s3-url.js';
import type { Clock } from '../../../kernel/clock.js';
import { ServiceLoop } from '../../../kernel/service-loop.js';
import { messageOf, MillraceError } from '../../../kernel/errors.js';
import { BlobStore, type BlobKey, type BlobStat, type BlobWriter } from '../../../ports/blob-store.js';
import { BucketClaim, type BucketOwner } from './bucket-claim.js';
import { PartMemory } from './part-memory.js';
import { S3Access } from './s3-access.js';
import { S3BlobWriter } from './s3-blob-writer.js';
import { fixOf, ForeignBucket, originOf } from './s3-errors.js';
import { S3RangeCache } from './s3-range-cache.js';
import { S3ReadStream } from './s3-read-stream.js';

export interface S3BlobStoreOptions {
  location: S3Location;
  clock: Clock;
  log: S3Log;
  /** Whose the bucket has to be; without it anybody's, as for tools that are told which one to use. */
  owner?: BucketOwner;
  /** For tests; see `S3AccessOptions`. */
  idleTimeoutMs?: number;
  attempts?: number;
}

/** What an operator should hear of. */
export interface S3Log {
  /** S3 refuses, and will until somebody does what `fix` says. */
  onRefused: (error: unknown, fix: string) => void;
  /** Unfinished uploads could not be aborted, or not be looked for; it is tried again. */
  onLeftBehind: (error: unknown) => void;
}

/** The same keys as in every other blob store. */
const KEY_PATTERN = /^[A-Za-z0-9_-]{1,200}$/;
/** A stretch that is not longer than this comes from the cached ranges, because its neighbours are wanted next. */
const CACHED_READ_BYTES = 256 * 1024;
/** No upload of a living process takes so long. */
const ABANDONED_AFTER_MS = 24 * 3_600_000;
const SWEEP_INTERVAL_MS = 3_600_000;
/** A start waits no longer for S3 to answer. */
const START_PATIENCE_MS = 5_000;

export class S3BlobStore extends BlobStore {
  private readonly access: S3Access;
  private readonly ranges: S3RangeCache;
  private readonly memory = new PartMemory();
  private readonly writers = new Set<S3BlobWriter>();
  private readonly sweep: ServiceLoop;
  private readonly claim: BucketClaim | null;
  /** Until it is known that the bucket is ours, nothing is read there, and nothing written. */
  private isOurs: boolean;
  private checking: Promise<void> | null = null;

  constructor(private readonly options: S3BlobStoreOptions) {
    super();
    const { log, location, idleTimeoutMs, attempts } = options;
    this.access = new S3Access({
      location,
      onRefused: log.onRefused,
      ...(idleTimeoutMs === undefined ? {} : { idleTimeoutMs }),
      ...(attempts === undefined ? {} : { attempts }),
    });
    this.ranges = new S3RangeCache(this.access);
    this.claim = options.owner === undefined ? null : this.claimFor(options.owner);
    this.isOurs = this.claim === null;
    this.sweep = new ServiceLoop({
      name: 's3-uploads',
      intervalMs: SWEEP_INTERVAL_MS,
      step: async () => void (await this.abortAbandoned()),
      onError: log.onLeftBehind,
    });
  }

  /**
   * Begins to sweep. Rejects when S3 refuses us, or the bucket is not ours. False when S3 does not answer: a server may start
   * while it is away, and looks whose the bucket is before anything else when it is back.
   */
  async open(): Promise<boolean> {
    const isSure = await this.checkAtStart();
    this.sweep.start();
    return isSure;
  }

  /** For tools, which look or take when they choose to. */
  claimFor(owner: BucketOwner): BucketClaim {
    return new BucketClaim(this.access, owner, async () => (await this.keysFrom('').next()).done !== true);
  }

  /** Unfinished writers are aborted. */
  async close(): Promise<void> {
    await this.sweep.stop();
    await Promise.all([...this.writers].map((writer) => writer.abort()));
    this.access.close();
  }

  override create(key: string): Promise<BlobWriter> {
    return this.checked(key, async () => {
      const writer = new S3BlobWriter({
        access: this.access,
        memory: this.memory,
        key,
        onEnd: (ended) => {
          this.writers.delete(ended);
          this.ranges.drop(key);
        },
        onLeftBehind: this.options.log.onLeftBehind,
      });
      this.writers.add(writer);
      return writer;
    });
  }

  override read(key: string, start = 0, end = Number.POSITIVE_INFINITY): Promise<Readable> {
    return this.checked(key, async () => {
      checkRange(start, end - start);
      if (end - start <= CACHED_READ_BYTES) {
        const bytes = await this.readRange(key, start, end - start);
        return Readable.from(bytes.length === 0 ? [] : [bytes], { objectMode: false });
      }
      const span = { start, end: end === Number.POSITIVE_INFINITY ? null : end, etag: null };
      return (await S3ReadStream.open(this.access, key, span)) ?? Readable.from([]);
    });
  }

  override readRange(key: string, start: number, length: number): Promise<Buffer> {
    return this.checked(key, async () => {
      checkRange(start, length);
      if (length > 0) return this.ranges.read(key, start, length);
      if ((await this.access.bytesOf(key)) === null) throw new MillraceError('not_found', `No such blob: '${key}'.`);
      return Buffer.alloc(0);
    });
  }

  override stat(key: string): Promise<BlobStat | null> {
    return this.checked(key, async () => {
      const bytes = await this.access.bytesOf(key);
      return bytes === null ? null : { bytes };
    });
  }

  /** In a bucket with versions the bytes stay until its lifecycle rules take away versions that are no longer current. */
  override delete(key: string): Promise<void> {
    return this.checked(key, async () => {
      await this.access.delete(key);
      this.ranges.drop(key);
    });
  }

  /** Looks anew whose the bucket is: who asks is about to delete what the database does not know. */
  override async *keys(): AsyncGenerator<BlobKey> {
    await this.checkOwner();
    yield* this.keysFrom('');
  }

  /** All finished blobs whose keys begin so. Of a blob of several parts S3 tells when it was begun, not when it was done. */
  async *keysFrom(beginning: string): AsyncGenerator<BlobKey> {
    for await (const found of this.access.list(beginning)) {
      if (KEY_PATTERN.test(found.key)) yield found;
    }
  }

  /** A bucket has no end that could be measured. */
  override async freeBytes(): Promise<null> {
    return null;
  }

  /** Aborts what dead processes have left unfinished; resolves with the number of such uploads. */
  async abortAbandoned(olderThanMs = ABANDONED_AFTER_MS): Promise<number> {
    if (!this.isOurs) await this.checkOwner();
    const youngest = this.options.clock.now() - olderThanMs;
    let aborted = 0;
    for await (const { key, uploadId, startedAt } of this.access.unfinishedUploads()) {
      if (startedAt > youngest || !KEY_PATTERN.test(key)) continue;
      await this.access.abortUpload(key, uploadId);
      aborted += 1;
    }
    return aborted;
  }

  private async checked<T>(key: string, work: () => Promise<T>): Promise<T> {
    if (!KEY_PATTERN.test(key)) throw new TypeError(`Not a blob key: ${JSON.stringify(key)}`);
    if (!this.isOurs) await this.checkOwner();
    return work();
  }

  private async checkAtStart(): Promise<boolean> {
    const patience = new AbortController();
    const late = sleep(START_PATIENCE_MS, false, { signal: patience.signal });
    try {
      return await Promise.race([this.checkOwner().then(() => true), late]);
    } catch (error) {
      const fix = fixOf(error);
      if (fix === null && error instanceof MillraceError) return false;
      if (fix === null) throw error;
      const place = describeS3Url(this.options.location);
      throw new Error(`the bucket ${place} cannot be used: ${messageOf(originOf(error))}; ${fix}`, { cause: error });
    } finally {
      patience.abort();
    }
  }

  /** One look serves all who wait for it. */
  private checkOwner(): Promise<void> {
    return (this.checking ??= this.takeBucket().finally(() => (this.checking = null)));
  }

  private async takeBucket(): Promise<void> {
    try {
      await this.claim?.take();
      this.isOurs = true;
    } catch (error) {
      if (!(error instanceof ForeignBucket)) throw error;
      this.isOurs = false;
      throw this.access.known(error, '');
    }
  }
}

function checkRange(start: number, length: number): void {
  const isRange = Number.isSafeInteger(start) && start >= 0 && length >= 0;
  if (!isRange) throw new RangeError(`Not a range of bytes: ${length} from ${start}`);
}
