/**
 * A program that keeps and reads one blob in S3, for tests that look at its memory or kill it:
 * `node s3-program.js <url> <upload|both> <MiB>`. Prints `uploading` when half of the bytes are written, and at the end how
 * far its memory rose above what a smaller blob took before it, in MiB, and whether the blob came back as it was.
 */
import { createHash } from 'node:crypto';
import { S3BlobStore } from '../../dist/adapters/distributed/s3/s3-blob-store.js';
import { parseS3Url } from '../../dist/config/s3-url.js';
import { SystemClock } from '../../dist/kernel/clock.js';

const [url, task, mebibytes] = process.argv.slice(2);
const CHUNK = 64 * 1024;
const chunks = Number(mebibytes) * 16;
const log = { onRefused: say, onLeftBehind: say };
const store = new S3BlobStore({ location: parseS3Url(url), clock: new SystemClock(), log });

// What is in flight at any time, and what the library takes for itself, is the same for all sizes.
const WARM_CHUNKS = 48 * 16;
const warm = await store.create('blob_warm');
for (let at = 0; at < WARM_CHUNKS; at += 1) await warm.write(Buffer.alloc(CHUNK, `${at} `));
await warm.commit();
for await (const _ of await store.read('blob_warm')) continue;
const { maxRSS: before } = process.resourceUsage();

const written = createHash('sha256');
const writer = await store.create('blob_big');
for (let at = 0; at < chunks; at += 1) {
  const chunk = Buffer.alloc(CHUNK, `${at} `);
  written.update(chunk);
  await writer.write(chunk);
  if (at === chunks / 2) say('uploading');
}
await writer.commit();
say(`uploaded, ${Math.ceil((process.resourceUsage().maxRSS - before) / 1024)} MiB`);
if (task === 'both') {
  const read = createHash('sha256');
  for await (const piece of await store.read('blob_big')) read.update(piece);
  const isSame = read.digest('hex') === written.digest('hex');
  say(`rose ${Math.ceil((process.resourceUsage().maxRSS - before) / 1024)} MiB, ${isSame ? 'same' : 'other'} bytes`);
}
await store.close();

function say(line) {
  process.stdout.write(`${line}\n`);
}
