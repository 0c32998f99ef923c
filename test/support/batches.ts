/** Batches for specs: lines, uploads, runs and what comes out of them, all through the official client. */
import OpenAI, { toFile } from 'openai';
import type { Batch, BatchCreateParams } from 'openai/resources/batches';
import { until } from './until.js';

export const CHAT = '/v1/chat/completions';

/** One line of an output or error file, read. */
export interface ResultLine {
  id: string;
  custom_id: string;
  response: { status_code: number; request_id: string; body: Record<string, unknown> } | null;
  error: { code: string; message: string } | null;
}

/** What a batch may be asked for here is more than OpenAI's types allow: other windows, wrong endpoints. */
export interface BatchOptions extends Omit<Partial<BatchCreateParams>, 'completion_window' | 'endpoint'> {
  completion_window?: string;
  endpoint?: string;
  headers?: Record<string, string>;
}

/** A line for chat completions; what `body` holds replaces or adds to the usual. */
export function line(customId: string, body: Record<string, unknown> = {}, url = CHAT): string {
  const messages = [{ role: 'user', content: customId }];
  return JSON.stringify({ custom_id: customId, method: 'POST', url, body: { model: 'm', messages, ...body } });
}

/** A line that tells the simulator how to treat it, and is counted under its custom id. */
export function simLine(customId: string, sim: string, body: Record<string, unknown> = {}): string {
  return line(customId, { ...body, metadata: { id: customId, sim } });
}

/** Returns the id of the file. */
export async function upload(client: OpenAI, input: string | Buffer | readonly string[]): Promise<string> {
  const bytes = typeof input === 'string' || Buffer.isBuffer(input) ? input : input.map((text) => `${text}\n`).join('');
  const file = await toFile(Buffer.from(bytes), 'in.jsonl');
  return (await client.files.create({ file, purpose: 'batch' })).id;
}

/** A batch over a file that is there already. */
export function createBatch(client: OpenAI, fileId: string, options: BatchOptions = {}): Promise<Batch> {
  const { headers, ...params } = options;
  const body = { endpoint: CHAT, completion_window: '24h', input_file_id: fileId, ...params } as BatchCreateParams;
  return client.batches.create(body, headers ? { headers } : {});
}

/** Uploads the lines and starts a batch over them. */
export async function start(
  client: OpenAI,
  input: string | Buffer | readonly string[],
  options: BatchOptions = {},
): Promise<Batch> {
  return createBatch(client, await upload(client, input), options);
}

export function hasEnded({ status }: Batch): boolean {
  return ['completed', 'failed', 'expired', 'cancelled'].includes(status);
}

/** The batch as soon as it `isRight`; by default, as soon as it has ended. */
export function awaited(
  client: OpenAI,
  { id }: Batch,
  isRight: (batch: Batch) => boolean = hasEnded,
  patienceMs?: number,
): Promise<Batch> {
  return until(() => client.batches.retrieve(id), isRight, patienceMs);
}

/** Starts a batch and waits for its end. */
export async function run(
  client: OpenAI,
  input: string | Buffer | readonly string[],
  options: BatchOptions = {},
): Promise<Batch> {
  return awaited(client, await start(client, input, options));
}

/** The content of a result file. */
export async function textOf(client: OpenAI, fileId: string | null | undefined): Promise<string> {
  if (!fileId) throw new Error('the batch has no such file');
  return (await client.files.content(fileId)).text();
}

/** The lines of a result file; it must end with a line feed. */
export async function resultsOf(client: OpenAI, fileId: string | null | undefined): Promise<ResultLine[]> {
  const lines = (await textOf(client, fileId)).split('\n');
  if (lines.pop() !== '') throw new Error('the last line does not end');
  return lines.map((text) => JSON.parse(text) as ResultLine);
}

/** custom ids in the order of the file. */
export async function customIdsOf(client: OpenAI, fileId: string | null | undefined): Promise<string[]> {
  return (await resultsOf(client, fileId)).map((result) => result.custom_id);
}
