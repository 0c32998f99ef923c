/** What goes wrong with S3, in the words of this project. */
import { MillraceError } from '../../../kernel/errors.js';

/** An outage of S3 seldom lasts shorter, and is not made better by those who ask sooner. */
const RETRY_AFTER_MS = 5_000;

const OUT_OF_SPACE: ReadonlySet<string> = new Set(['XMinioStorageFull', 'QuotaExceeded', 'EntityQuotaExceeded']);
const GONE: ReadonlySet<string> = new Set(['NoSuchKey', 'NotFound']);

/** The blob was replaced by another one while it was read, so what was read is of no use. */
export class ReplacedBlob extends Error {
  constructor(key: string, cause: unknown) {
    super(`The blob '${key}' was replaced while it was read`, { cause });
    this.name = 'ReplacedBlob';
  }
}

/** The bucket is not this deployment's; see BucketClaim. */
export class ForeignBucket extends Error {
  constructor(
    reason: string,
    /** What a person may do about it. */
    readonly fix: string,
  ) {
    super(reason);
    this.name = 'ForeignBucket';
  }
}

/**
 * What to throw in place of an error of the SDK, which has tried again by then: `not_found`, `insufficient_storage`,
 * ReplacedBlob, and `storage_unavailable` (503) for all that is a matter of the other side or the way there. Defects stay.
 *
 * @param key the blob that was asked for
 */
export function s3ErrorOf(error: unknown, key: string): unknown {
  if (error instanceof MillraceError || error instanceof TypeError || error instanceof RangeError) return error;
  const { name, status } = factsOf(error);
  if (GONE.has(name)) return new MillraceError('not_found', `No such blob: '${key}'.`, { cause: error });
  if (status === 412) return new ReplacedBlob(key, error);
  if (status === 507 || OUT_OF_SPACE.has(name)) {
    const message = 'The file storage of this server is full. Delete files or add space.';
    return new MillraceError('insufficient_storage', message, { cause: error });
  }
  return storageUnavailable(error);
}

export function storageUnavailable(cause: unknown): MillraceError {
  const message = 'The file storage of this server cannot be reached just now. Please try again shortly.';
  return new MillraceError('storage_unavailable', message, { cause, retryAfterMs: RETRY_AFTER_MS });
}

/** The range that was asked for begins at or after the end of the blob. */
export function isBeyondTheEnd(error: unknown): boolean {
  return factsOf(error).status === 416;
}

/** There is no such upload: it was completed or aborted already. */
export function isUploadGone(error: unknown): boolean {
  return factsOf(error).name === 'NoSuchUpload';
}

/** The server does not know something that was asked of it. */
export function isUnsupported(error: unknown): boolean {
  return factsOf(error).status === 501;
}

/** What a person has to mend so that an error like this one ends; null when it may pass by itself. */
export function fixOf(error: unknown): string | null {
  const origin = originOf(error);
  if (origin instanceof ForeignBucket) return origin.fix;
  const { name, status } = factsOf(error);
  if (name === 'NoSuchBucket') return 'make the bucket, or correct its name in MILLRACE_S3_URL';
  if (name === 'CredentialsProviderError') {
    return 'give the AWS SDK credentials: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a role of this machine';
  }
  if (name === 'RequestTimeTooSkewed') return 'set the clock of this machine: S3 refuses requests that are minutes off';
  if (name === 'InvalidAccessKeyId' || name === 'SignatureDoesNotMatch') {
    return 'correct the key and the secret in MILLRACE_S3_URL; / in them is written as %2F and + as %2B';
  }
  if (status === 301 || name === 'AuthorizationHeaderMalformed')
    return 'add ?region=… of the bucket to MILLRACE_S3_URL';
  if (status === 401 || status === 403) {
    return (
      'allow the key s3:GetObject, s3:PutObject, s3:DeleteObject and s3:AbortMultipartUpload on the objects, and ' +
      's3:ListBucket and s3:ListBucketMultipartUploads on the bucket'
    );
  }
  return null;
}

interface Facts {
  name: string;
  /** HTTP status; null when no answer came. */
  status: number | null;
}

/** The cause of an error of ours, where it has one. */
export function originOf(error: unknown): unknown {
  return error instanceof MillraceError || error instanceof ReplacedBlob ? (error.cause ?? error) : error;
}

/** Of an error of the SDK, also when it is the cause of one of ours. */
function factsOf(error: unknown): Facts {
  const origin = originOf(error);
  if (!(origin instanceof Error)) return { name: '', status: null };
  const metadata = '$metadata' in origin ? (origin.$metadata as { httpStatusCode?: number }) : {};
  return { name: origin.name, status: metadata.httpStatusCode ?? null };
}
