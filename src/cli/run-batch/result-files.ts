/** Results on their way from the server to files here, or to the standard output. */
import { createWriteStream, existsSync, rmSync } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { CliError } from '../cli-error.js';
import { patiently, type ApiClient } from '../server/api-client.js';
import { silenceOf } from '../server/api-error.js';
import type { WireBatch } from '../server/wire.js';
import { syncFolder } from '../sync-folder.js';

export const STANDARD_OUTPUT = '-';

export interface ResultPaths {
  /** `-` for the standard output. */
  output: string;
  /** Null: failed lines come behind the others in the output. */
  errors: string | null;
}

/** A path that can be written to, before anything is sent. Throws CliError. */
export function checkPaths({ output, errors }: ResultPaths, mayReplace: boolean): void {
  const paths = [output, errors].filter((path) => path !== null && path !== STANDARD_OUTPUT) as string[];
  if (errors !== null && resolve(errors) === resolve(output)) {
    throw new CliError('--output and --errors name the same file; leave out --errors to have all in one.');
  }
  for (const path of paths) {
    if (!existsSync(dirname(resolve(path)))) throw new CliError(`There is no folder ${dirname(resolve(path))}.`);
    if (existsSync(path) && !mayReplace) {
      throw new CliError(`${path} is there already; --overwrite replaces it, once the new results are complete.`);
    }
  }
}

/** Fetches what the batch has written. A file appears under its name only when it is whole and durable. */
export async function fetchResults(
  client: ApiClient,
  batch: WireBatch,
  { output, errors }: ResultPaths,
  signal: AbortSignal,
): Promise<void> {
  const files = [batch.output_file_id, batch.error_file_id];
  const [good, bad] = files.map((id) => (id === null ? [] : [id])) as [string[], string[]];
  const plan: [path: string, ids: string[]][] =
    errors === null
      ? [[output, [...good, ...bad]]]
      : [
          [output, good],
          [errors, bad],
        ];
  for (const [path, ids] of plan) {
    if (path === STANDARD_OUTPUT) await print(client, ids, signal);
    else await save(client, ids, path, signal);
  }
}

/** Into a file beside the final one, which it then replaces. */
async function save(client: ApiClient, ids: readonly string[], path: string, signal: AbortSignal): Promise<void> {
  const part = `${path}.part`;
  await patiently(
    async () => {
      rmSync(part, { force: true });
      await pipeline(Readable.from(contentOf(client, ids, signal)), createWriteStream(part), { signal });
    },
    { signal },
  );
  const file = await open(part, 'r+');
  try {
    await file.datasync();
  } finally {
    await file.close();
  }
  await rename(part, path);
  syncFolder(dirname(resolve(path)));
}

/** What was printed cannot be taken back, so a server that goes away in the middle ends it. */
async function print(client: ApiClient, ids: readonly string[], signal: AbortSignal): Promise<void> {
  const { stdout } = process;
  const sink = new Writable({
    write: (chunk: Buffer, _encoding, done) => void stdout.write(chunk, (error) => done(error ?? null)),
  });
  await pipeline(Readable.from(contentOf(client, ids, signal)), sink, { signal });
}

async function* contentOf(client: ApiClient, ids: readonly string[], signal: AbortSignal): AsyncGenerator<Buffer> {
  for (const id of ids) {
    const body = await client.download(`/v1/files/${encodeURIComponent(id)}/content`, signal);
    try {
      yield* body as AsyncIterable<Buffer>;
    } catch (error) {
      signal.throwIfAborted();
      throw silenceOf(client.url, error); // the connection broke in the middle
    }
  }
}
