/**
 * The operations of S3 that blobs need, on the keys of one prefix. The SDK tries each again after a 5xx, a time-out or a
 * broken connection; what then remains is thrown as `s3ErrorOf` says it.
 */
import type { Readable } from 'node:stream';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
  type CompletedPart,
} from '@aws-sdk/client-s3';
import type { S3Location } from '../../../config/s3-url.js';
import type { BlobKey } from '../../../ports/blob-store.js';
import { fixOf, s3ErrorOf } from './s3-errors.js';

export interface S3AccessOptions {
  location: S3Location;
  /** Told of a refusal that lasts until a person does what `fix` says; at most once a minute for each fix. */
  onRefused: (error: unknown, fix: string) => void;
  /** A connection on which nothing moves for so long is given up. */
  idleTimeoutMs?: number;
  /** How often each request is sent at most. */
  attempts?: number;
}

export interface ByteSpan {
  start: number;
  /** Exclusive; null: to the end of the blob. */
  end: number | null;
  /** The version that is meant; another one is refused as ReplacedBlob. Null: any. */
  etag: string | null;
}

export interface S3Content {
  body: Readable;
  etag: string;
  /** Of the bytes in `body`, when all have come. */
  length: number;
  /** Of the whole blob. */
  totalBytes: number;
}

export interface UnfinishedUpload {
  key: string;
  uploadId: string;
  startedAt: number;
}

/** Kept with each object, so that whoever lost the answer to a write can tell its object from another. */
const WRITER_FIELD = 'millrace-writer';
/** 100 + 200 + 400 + 800 ms of pauses at most, shortened by chance: short outages pass unseen, long ones are told soon. */
const ATTEMPTS = 5;
const IDLE_TIMEOUT_MS = 15_000;
const CONNECTION_TIMEOUT_MS = 5_000;
/** A download by a slow client holds one for as long as it takes, and must not keep the dispatchers from theirs. */
const MAX_CONNECTIONS = 256;
const REFUSAL_PAUSE_MS = 60_000;

export class S3Access {
  private readonly client: S3Client;
  private readonly bucket: string;
  private readonly prefix: string;
  private readonly toldAt = new Map<string, number>();

  constructor(private readonly options: S3AccessOptions) {
    const { location } = options;
    this.bucket = location.bucket;
    this.prefix = location.prefix;
    this.client = makeClient(options);
  }

  close(): void {
    this.client.destroy();
  }

  /** @param writerId a name for this very write, see `writerOf` */
  async put(key: string, bytes: Buffer, writerId: string): Promise<void> {
    const Metadata = { [WRITER_FIELD]: writerId };
    await this.run(key, () => this.client.send(new PutObjectCommand({ ...this.at(key), Body: bytes, Metadata })));
  }

  /** Rejects with ReplacedBlob when there is such an object already; see also `isUnsupported`. */
  async putNew(key: string, bytes: Buffer): Promise<void> {
    const command = new PutObjectCommand({ ...this.at(key), Body: bytes, IfNoneMatch: '*' });
    await this.run(key, () => this.client.send(command));
  }

  async beginUpload(key: string, writerId: string): Promise<string> {
    const Metadata = { [WRITER_FIELD]: writerId };
    const command = new CreateMultipartUploadCommand({ ...this.at(key), Metadata });
    return (await this.run(key, () => this.client.send(command))).UploadId!;
  }

  async putPart(key: string, uploadId: string, number: number, bytes: Buffer): Promise<CompletedPart> {
    const command = new UploadPartCommand({ ...this.at(key), UploadId: uploadId, PartNumber: number, Body: bytes });
    const { ETag } = await this.run(key, () => this.client.send(command));
    return { PartNumber: number, ETag };
  }

  async completeUpload(key: string, uploadId: string, parts: CompletedPart[]): Promise<void> {
    const command = new CompleteMultipartUploadCommand({
      ...this.at(key),
      UploadId: uploadId,
      MultipartUpload: { Parts: parts },
    });
    await this.run(key, () => this.client.send(command));
  }

  async abortUpload(key: string, uploadId: string): Promise<void> {
    const command = new AbortMultipartUploadCommand({ ...this.at(key), UploadId: uploadId });
    await this.run(key, () => this.client.send(command));
  }

  async get(key: string, { start, end, etag }: ByteSpan): Promise<S3Content> {
    const isWhole = start === 0 && end === null;
    const command = new GetObjectCommand({
      ...this.at(key),
      ...(isWhole ? {} : { Range: `bytes=${start}-${end === null ? '' : end - 1}` }),
      ...(etag === null ? {} : { IfMatch: etag }),
    });
    const { Body, ETag, ContentLength, ContentRange } = await this.run(key, () => this.client.send(command));
    const length = ContentLength!;
    const total = /\/(\d+)$/.exec(ContentRange ?? '')?.[1];
    return { body: Body as Readable, etag: ETag!, length, totalBytes: total === undefined ? length : Number(total) };
  }

  /** Null when there is no such object. An absent bucket is no absent object. */
  async bytesOf(key: string): Promise<number | null> {
    return (await this.head(key))?.ContentLength ?? null;
  }

  /** The `writerId` of the object that is there; null when there is none. */
  async writerOf(key: string): Promise<string | null> {
    return (await this.head(key))?.Metadata?.[WRITER_FIELD] ?? null;
  }

  async delete(key: string): Promise<void> {
    await this.run(key, () => this.client.send(new DeleteObjectCommand(this.at(key))));
  }

  /** All objects whose keys begin so. */
  async *list(beginning: string): AsyncGenerator<BlobKey> {
    const where = { Bucket: this.bucket, Prefix: this.prefix + beginning };
    for (let token: string | undefined; ;) {
      const command = new ListObjectsV2Command({
        ...where,
        ...(token === undefined ? {} : { ContinuationToken: token }),
      });
      const page = await this.run('', () => this.client.send(command));
      for (const { Key, LastModified } of page.Contents ?? []) {
        yield { key: Key!.slice(this.prefix.length), modifiedAt: LastModified!.getTime() };
      }
      token = page.NextContinuationToken;
      if (token === undefined) return;
    }
  }

  async *unfinishedUploads(): AsyncGenerator<UnfinishedUpload> {
    const where = { Bucket: this.bucket, Prefix: this.prefix };
    for (let next: { KeyMarker?: string; UploadIdMarker?: string } | null = {}; next !== null;) {
      const command: ListMultipartUploadsCommand = new ListMultipartUploadsCommand({ ...where, ...next });
      const page = await this.run('', () => this.client.send(command));
      for (const { Key, UploadId, Initiated } of page.Uploads ?? []) {
        yield { key: Key!.slice(this.prefix.length), uploadId: UploadId!, startedAt: Initiated!.getTime() };
      }
      const { NextKeyMarker, NextUploadIdMarker } = page;
      const hasMore = page.IsTruncated === true && NextKeyMarker !== undefined;
      next = hasMore ? { KeyMarker: NextKeyMarker, UploadIdMarker: NextUploadIdMarker ?? '' } : null;
    }
  }

  /** The whole name of the object, for people. */
  nameOf(key: string): string {
    return this.prefix + key;
  }

  private async head(key: string) {
    try {
      return await this.client.send(new HeadObjectCommand(this.at(key)));
    } catch (error) {
      const known = this.known(error, key);
      if (!(known instanceof Error && 'code' in known && known.code === 'not_found')) throw known;
      // The answer to HEAD has no body that would say what is absent.
      await this.run(key, () => this.client.send(new HeadBucketCommand({ Bucket: this.bucket })), true);
      return null;
    }
  }

  private at(key: string): { Bucket: string; Key: string } {
    return { Bucket: this.bucket, Key: this.prefix + key };
  }

  private async run<T>(key: string, work: () => Promise<T>, isOfBucket = false): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (isOfBucket && error instanceof Error && error.name === 'NotFound') error.name = 'NoSuchBucket';
      throw this.known(error, key);
    }
  }

  /** What to throw in place of this error, after telling of it if it takes a person to mend it. */
  known(error: unknown, key: string): unknown {
    const fix = fixOf(error);
    const now = performance.now();
    if (fix !== null && now - (this.toldAt.get(fix) ?? Number.NEGATIVE_INFINITY) > REFUSAL_PAUSE_MS) {
      this.toldAt.set(fix, now);
      this.options.onRefused(error, fix);
    }
    return s3ErrorOf(error, key);
  }
}

function makeClient({ location, idleTimeoutMs = IDLE_TIMEOUT_MS, attempts = ATTEMPTS }: S3AccessOptions): S3Client {
  const { region, endpoint, credentials } = location;
  const agent = { keepAlive: true, maxSockets: MAX_CONNECTIONS };
  return new S3Client({
    ...(region === null ? {} : { region }),
    ...(endpoint === null ? { followRegionRedirects: true } : { endpoint, forcePathStyle: true }),
    ...(credentials === null ? {} : { credentials }),
    maxAttempts: attempts,
    // Many servers know no other checksums than their own; what is stored is checked by its SHA-256 above.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: {
      connectionTimeout: CONNECTION_TIMEOUT_MS,
      socketTimeout: idleTimeoutMs,
      httpAgent: agent,
      httpsAgent: agent,
    },
  });
}
