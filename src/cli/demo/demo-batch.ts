/** The demo's batch through the eyes of a client: the official `openai` package and nothing of this server. */
import { createReadStream } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { OpenAI } from 'openai';
import { CliError } from '../cli-error.js';
import type { LineCounts } from '../progress.js';

type Batch = OpenAI.Batches.Batch;

/** What a batch has written, as text; empty when there is no such file. */
export interface ResultFiles {
  output: string;
  errors: string;
}

const POLL_PAUSE_MS = 150;
/** A batch on which nothing moves for this long is given up. */
const STALL_LIMIT_MS = 60_000;
const UNDER_WAY = new Set<Batch['status']>(['validating', 'in_progress', 'finalizing', 'cancelling']);
const NO_COUNTS: LineCounts = { total: 0, completed: 0, failed: 0 };

/**
 * Calls `work` with a client of this server.
 *
 * @throws CliError when the package is not installed, and instead of the errors of the client
 */
export async function withClient<T>(apiKey: string, baseUrl: string, work: (client: OpenAI) => Promise<T>): Promise<T> {
  const { OpenAI } = await import('openai').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new CliError('The demo is a client of the official package `openai`; install it with: npm install openai');
  });
  try {
    // What the environment says about the real OpenAI is not for this server.
    return await work(new OpenAI({ apiKey, baseURL: baseUrl, organization: null, project: null, timeout: 30_000 }));
  } catch (error) {
    throw error instanceof OpenAI.APIError ? new CliError(`The client says: ${error.message}`) : error;
  }
}

/** Uploads `path` and makes a batch of it. */
export async function startBatch(client: OpenAI, path: string, signal: AbortSignal): Promise<Batch> {
  const file = await client.files.create({ file: createReadStream(path), purpose: 'batch' }, { signal });
  const request = { input_file_id: file.id, endpoint: '/v1/chat/completions', completion_window: '24h' } as const;
  return client.batches.create(request, { signal });
}

/**
 * Asks again and again until the batch has ended.
 *
 * @throws CliError when it ended in any other way than completed, or does not move any more
 */
export async function followBatch(
  client: OpenAI,
  started: Batch,
  onCounts: (counts: LineCounts) => void,
  signal: AbortSignal,
): Promise<Batch> {
  let batch = started;
  let movedAt = performance.now();
  while (UNDER_WAY.has(batch.status)) {
    onCounts(batch.request_counts ?? NO_COUNTS);
    await sleep(POLL_PAUSE_MS, undefined, { signal });
    const next = await client.batches.retrieve(batch.id, { signal });
    if (isMoved(batch, next)) movedAt = performance.now();
    else if (performance.now() - movedAt > STALL_LIMIT_MS) {
      throw new CliError(`The batch has been ${next.status} without any progress for ${STALL_LIMIT_MS / 1_000} s.`);
    }
    batch = next;
  }
  if (batch.status !== 'completed') throw new CliError(`The batch ended as ${batch.status}.${reasonsOf(batch)}`);
  onCounts(batch.request_counts ?? NO_COUNTS);
  return batch;
}

function isMoved(before: Batch, after: Batch): boolean {
  const [a, b] = [before.request_counts ?? NO_COUNTS, after.request_counts ?? NO_COUNTS];
  return before.status !== after.status || a.completed !== b.completed || a.failed !== b.failed;
}

function reasonsOf({ errors }: Batch): string {
  return (errors?.data ?? []).map(({ line, message }) => `\n  line ${line ?? '-'}: ${message}`).join('');
}

/** Fetches what the batch has written. */
export async function fetchResults(client: OpenAI, batch: Batch, signal: AbortSignal): Promise<ResultFiles> {
  const read = async (fileId: string | null | undefined) =>
    fileId ? (await client.files.content(fileId, { signal })).text() : '';
  const [output, errors] = await Promise.all([read(batch.output_file_id), read(batch.error_file_id)]);
  return { output, errors };
}
