/**
 * That nothing is answered for before it is on the disk, as the system's own calls tell: between the bytes of a request and
 * its 2xx the server syncs. Needs strace; with LONG=1 it fails without it, and `npm test` runs it where there is one.
 */
import { spawn, spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TestServer } from '../support/server.js';
import { makeTemporaryFolder, type TemporaryFolder } from '../support/temporary-folder.js';
import { until } from '../support/until.js';
import { jsonl, LINE } from '../support/uploads.js';

const IS_LONG = process.env['LONG'] === '1';
const HAS_STRACE = spawnSync('strace', ['-V']).status === 0;
const ROUNDS = 5;
const SYSTEM_CALLS = 'read,recvfrom,write,writev,sendto,sendmsg,fsync,fdatasync';

let server: TestServer;
let folder: TemporaryFolder;
let trace: string;
let strace: ReturnType<typeof spawn>;

/** What the trace tells of a request: how often the server synced between its first bytes and its answer. */
interface Exchange {
  request: string;
  syncs: number;
}

beforeEach(async () => {
  if (!HAS_STRACE) throw new Error('This test needs strace, e.g. from the Debian package of that name.');
  server = await TestServer.start();
  folder = await makeTemporaryFolder();
  trace = join(folder.path, 'trace');
  const args = ['-f', '-p', String(server.pid), '-e', `trace=${SYSTEM_CALLS}`, '-s', '40', '-o', trace];
  strace = spawn('strace', args, { stdio: ['ignore', 'ignore', 'pipe'] });
  await new Promise<void>((resolve, reject) => {
    strace.stderr!.on('data', (text: Buffer) => String(text).includes('attached') && resolve());
    strace.once('exit', (code) => reject(new Error(`strace ended with ${code}; is it allowed to attach?`)));
  });
});
afterEach(async () => {
  strace?.kill('SIGINT');
  await server?.close();
  await folder?.remove();
});

/** All requests so far, in their order; there is never more than one at a time. */
async function exchanges(): Promise<Exchange[]> {
  const found: Exchange[] = [];
  let syncs = 0;
  let request: string | null = null;
  for (const line of (await readFile(trace, 'utf8')).split('\n')) {
    const begun =
      /(?:read|recvfrom)\(.*"((?:GET|POST|DELETE) \/\S*)/.exec(line) ??
      /resumed>"((?:GET|POST|DELETE) \/\S*)/.exec(line);
    if (begun) [request, syncs] = [begun[1]!.split('?')[0]!, 0];
    // One that is interrupted in the trace has ended where it is resumed.
    else if (/(?:fsync|fdatasync)(?:\(| resumed).*= 0/.test(line)) syncs += 1;
    else if (request !== null && /"HTTP\/1\.1 2\d\d/.test(line)) {
      found.push({ request, syncs });
      request = null;
    }
  }
  return found;
}

async function traced(count: number): Promise<Exchange[]> {
  return until(exchanges, (found) => found.length >= count);
}

// oxlint-disable-next-line vitest/no-conditional-tests -- strace is not everywhere
if (HAS_STRACE || IS_LONG) {
  describe('every answer that promises to keep something', () => {
    it('comes after a sync', async () => {
      const client = server.openai;
      for (let round = 1; round <= ROUNDS; round += 1) {
        const file = await client.files.create({ file: await jsonl('in.jsonl', LINE), purpose: 'batch' });
        await client.files.retrieve(file.id);
        await client.batches.create({
          input_file_id: file.id,
          endpoint: '/v1/chat/completions',
          completion_window: '24h',
        });
        await client.files.delete(file.id);
      }
      const found = await traced(ROUNDS * 4);
      const least = (request: RegExp) =>
        Math.min(...found.filter((one) => request.test(one.request)).map(({ syncs }) => syncs));
      expect(found).toHaveLength(ROUNDS * 4);
      expect(least(/^POST \/v1\/files/)).toBeGreaterThanOrEqual(2); // the bytes, and the row
      expect(least(/^POST \/v1\/batches/)).toBeGreaterThanOrEqual(1);
      expect(least(/^DELETE/)).toBeGreaterThanOrEqual(1);
      // Else the count would tell nothing: reading syncs nothing.
      expect(least(/^GET/)).toBe(0);
    });
  });
}
