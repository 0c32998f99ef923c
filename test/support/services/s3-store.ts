import type { S3BlobStoreOptions } from '../../../src/adapters/distributed/s3/s3-blob-store.js';
import { parseS3Url } from '../../../src/config/s3-url.js';
import { SystemClock } from '../../../src/kernel/clock.js';

/** What a test's store is made with; nobody hears its log unless the test listens. */
export function s3StoreOptions(url: string, more: Partial<S3BlobStoreOptions> = {}): S3BlobStoreOptions {
  return {
    location: parseS3Url(url),
    clock: new SystemClock(),
    log: { onRefused: () => {}, onLeftBehind: () => {} },
    ...more,
  };
}
