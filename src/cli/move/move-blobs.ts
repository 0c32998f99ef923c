/** Stored files on their way from a folder into a bucket. */
import { S3BlobStore } from '../../adapters/distributed/s3/s3-blob-store.js';
import { ForeignBucket } from '../../adapters/distributed/s3/s3-errors.js';
import { parseS3Url } from '../../config/s3-url.js';
import { SystemClock } from '../../kernel/clock.js';
import type { BlobStore } from '../../ports/blob-store.js';
import { Meter } from '../backup/archive.js';
import { CliError } from '../cli-error.js';

/** Files on their way at once. Each holds a part of 8 MiB or two in memory. */
const AT_ONCE = 4;

export interface MovedBlobs {
  count: number;
  bytes: number;
}

export function openBucket(url: string): S3BlobStore {
  const log = { onRefused: () => {}, onLeftBehind: () => {} }; // the error that is thrown says it
  return new S3BlobStore({ location: parseS3Url(url), clock: new SystemClock(), log });
}

/** Throws CliError when the bucket is another deployment's, or not empty. */
export async function claimed(claim: () => Promise<unknown>): Promise<void> {
  try {
    await claim();
  } catch (error) {
    if (!(error instanceof ForeignBucket)) throw error;
    throw new CliError(`The bucket cannot be used: ${error.message}. Use an empty one, or another prefix in it.`);
  }
}

/**
 * Copies every file, except those that an earlier move has brought: a file is seen in a bucket only when it is whole, and one
 * of the same name is the same.
 *
 * @param known size and hash of files as the database knows them, by key
 * @throws CliError when a file is not what it was when it was written
 */
export async function copyBlobs(
  from: BlobStore,
  to: BlobStore,
  known: ReadonlyMap<string, { bytes: number; sha256: string | null }>,
): Promise<MovedBlobs> {
  return forEachBlob(from, async (key) => {
    const { bytes } = (await from.stat(key))!;
    if ((await to.stat(key))?.bytes === bytes) return bytes;
    const meter = new Meter();
    const writer = await to.create(key);
    try {
      for await (const chunk of meter.through((await from.read(key)) as AsyncIterable<Buffer>))
        await writer.write(chunk);
      const promised = known.get(key);
      const isSame =
        promised === undefined || (promised.bytes === meter.bytes && isHash(promised.sha256, meter.sha256()));
      if (!isSame) throw new CliError(`The stored file ${key} is damaged: it is not what was written.`);
      await writer.commit();
    } catch (error) {
      await writer.abort();
      throw error;
    }
    const there = (await to.stat(key))?.bytes;
    if (there === bytes) return bytes;
    throw new CliError(`The stored file ${key} has ${there ?? 'no'} bytes in the bucket instead of ${bytes}.`);
  });
}

/** Reads every file at both places. Throws CliError when one differs. */
export async function compareBlobs(from: BlobStore, to: BlobStore): Promise<void> {
  await forEachBlob(from, async (key) => {
    const [one, other] = await Promise.all([hashOf(from, key), hashOf(to, key)]);
    if (one.sha256 !== other.sha256) throw new CliError(`The stored file ${key} is not the same in the bucket.`);
    return one.bytes;
  });
}

function isHash(known: string | null, sha256: string): boolean {
  return known === null || known === sha256;
}

async function hashOf(blobs: BlobStore, key: string): Promise<{ bytes: number; sha256: string }> {
  const meter = new Meter();
  for await (const _ of meter.through((await blobs.read(key)) as AsyncIterable<Buffer>)); // only what passes is measured
  return { bytes: meter.bytes, sha256: meter.sha256() };
}

/** @param work resolves with the bytes of the file */
async function forEachBlob(blobs: BlobStore, work: (key: string) => Promise<number>): Promise<MovedBlobs> {
  const moved: MovedBlobs = { count: 0, bytes: 0 };
  const keys = blobs.keys()[Symbol.asyncIterator]();
  const walk = async (): Promise<void> => {
    for (let next = await keys.next(); next.done !== true; next = await keys.next()) {
      const bytes = await work(next.value.key);
      moved.count += 1;
      moved.bytes += bytes;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, walk));
  return moved;
}
