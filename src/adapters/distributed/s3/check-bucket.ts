/** Whether a bucket can do all that blobs need: tried out with a small and a large blob, which are gone again at the end. */
import { buffer } from 'node:stream/consumers';
import { S3_FIX } from '../../../config/s3-url.js';
import { newId } from '../../../kernel/ids.js';
import { messageOf, MillraceError } from '../../../kernel/errors.js';
import { PART_BYTES } from './part-memory.js';
import type { S3BlobStore } from './s3-blob-store.js';
import { fixOf } from './s3-errors.js';

export interface BucketFinding {
  /** What was tried; stable, for programs. */
  check: string;
  status: 'ok' | 'failed';
  message: string;
  /** What to do about it; null when nothing is to be done. */
  fix: string | null;
}

interface Step {
  check: string;
  /** What it means that it works. */
  works: string;
  run: () => Promise<void>;
}

const WRONG_ANSWER_FIX = 'this server does not do what S3 does: use another one, or a newer version of it';
const SMALL = Buffer.from('Millrace looks whether it can keep files here. This object may be deleted.');

/**
 * Tries put, get, range, list, multipart and delete, and stops at the first that fails: the others would say the same. A
 * process that is killed meanwhile leaves objects that the server deletes later, as it does with everything nobody refers to.
 */
export async function checkBucket(store: S3BlobStore): Promise<BucketFinding[]> {
  const findings: BucketFinding[] = [];
  const keys = [newId('blob'), newId('blob')] as const;
  try {
    for (const step of stepsOf(store, keys[0], keys[1])) {
      findings.push(await findingOf(step));
      if (findings.at(-1)!.status === 'failed') break;
    }
  } finally {
    findings.push(
      await findingOf({ check: 's3 delete', works: 'objects can be deleted', run: () => clear(store, keys) }),
    );
  }
  return findings;
}

function stepsOf(store: S3BlobStore, key: string, largeKey: string): Step[] {
  return [
    { check: 's3 put', works: 'an object can be written', run: () => write(store, key, SMALL) },
    {
      check: 's3 get',
      works: 'it is read as it was written',
      run: async () => expectSame(await buffer(await store.read(key)), SMALL),
    },
    {
      check: 's3 range',
      works: 'a part of it can be read',
      run: async () => expectSame(await store.readRange(key, 5, 10), SMALL.subarray(5, 15)),
    },
    {
      check: 's3 list',
      works: 'it is listed',
      run: async () => {
        for await (const found of store.keysFrom(key)) if (found.key === key) return;
        throw new WrongAnswer('the list of objects does not show the one that was written');
      },
    },
    { check: 's3 multipart', works: 'a large object can be written in parts', run: () => tryParts(store, largeKey) },
    {
      check: 's3 uploads',
      works: 'unfinished uploads can be listed',
      // Nothing is as old as that, so none is aborted.
      run: async () => void (await store.abortAbandoned(Number.MAX_SAFE_INTEGER)),
    },
  ];
}

/** Two parts, and the last bytes of the one with the first of the other. */
async function tryParts(store: S3BlobStore, key: string): Promise<void> {
  await write(store, key, Buffer.concat([Buffer.alloc(PART_BYTES, 'a'), SMALL]));
  const seam = await buffer(await store.read(key, PART_BYTES - 1));
  expectSame(seam, Buffer.concat([Buffer.from('a'), SMALL]));
}

async function write(store: S3BlobStore, key: string, bytes: Buffer): Promise<void> {
  const writer = await store.create(key);
  try {
    await writer.write(bytes);
    await writer.commit();
  } catch (error) {
    await writer.abort();
    throw error;
  }
}

async function clear(store: S3BlobStore, keys: readonly string[]): Promise<void> {
  for (const key of keys) await store.delete(key);
  for (const key of keys) {
    if ((await store.stat(key)) !== null) throw new WrongAnswer('an object is still there after it was deleted');
  }
}

function expectSame(bytes: Buffer, expected: Buffer): void {
  if (!bytes.equals(expected)) throw new WrongAnswer('what was read is not what was written');
}

async function findingOf({ check, works, run }: Step): Promise<BucketFinding> {
  try {
    await run();
    return { check, status: 'ok', message: works, fix: null };
  } catch (error) {
    const isWrong = error instanceof WrongAnswer || (error instanceof MillraceError && error.code === 'not_found');
    const origin = error instanceof MillraceError ? (error.cause ?? error) : error;
    const message = `${origin instanceof Error && !isWrong ? `${origin.name}: ` : ''}${messageOf(origin)}`;
    return { check, status: 'failed', message, fix: fixOf(error) ?? (isWrong ? WRONG_ANSWER_FIX : S3_FIX) };
  }
}

class WrongAnswer extends Error {}
