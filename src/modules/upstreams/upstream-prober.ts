/**
 * Asks an upstream for its models, to see whether its URL and key are right. With the library that calls it in earnest, so
 * that what works here works there: `fetch` refuses some ports and would follow a redirect with the key. Nothing of an answer is repeated but the ids of
 * models: error texts of model servers like to quote the key that they refuse.
 */
import { Injectable } from '@nestjs/common';
import { request, type Dispatcher } from 'undici';
import type { Upstream } from './upstream.js';

export interface ProbeResult {
  /** Whether it answered like an OpenAI-compatible server. */
  isOk: boolean;
  /** HTTP status, or null when there was no answer. */
  status: number | null;
  tookMs: number;
  /** Ids of its models; null when it did not say. */
  models: string[] | null;
  /** What is wrong, as a sentence, or null. */
  error: string | null;
}

const TIMEOUT_MS = 5_000;
/** Lists of models are short; whatever sends more than this is no list of models. */
const MAX_ANSWER_BYTES = 4 * 1024 * 1024;
const MAX_MODELS = 1_000;
const MAX_ID_LENGTH = 200;

@Injectable()
export class UpstreamProber {
  /** Never rejects for what the upstream does. `timeoutMs` is from the start to the last byte of the answer. */
  async probe({ baseUrl, key }: Pick<Upstream, 'baseUrl' | 'key'>, timeoutMs = TIMEOUT_MS): Promise<ProbeResult> {
    const startedAt = performance.now();
    const answer = await ask(`${baseUrl}/models`, key, timeoutMs);
    return { ...answer, tookMs: Math.round(performance.now() - startedAt) };
  }
}

type Answer = Omit<ProbeResult, 'tookMs'>;

async function ask(url: string, key: string | null, timeoutMs: number): Promise<Answer> {
  try {
    const signal = AbortSignal.timeout(timeoutMs);
    const headers = { accept: 'application/json', ...(key === null ? {} : { authorization: `Bearer ${key}` }) };
    return await judge(await request(url, { headers, signal }));
  } catch (error) {
    return { isOk: false, status: null, models: null, error: describeFailure(error, timeoutMs) };
  }
}

async function judge({ statusCode: status, body }: Dispatcher.ResponseData): Promise<Answer> {
  if (status !== 200) {
    await body.dump();
    return { isOk: false, status, models: null, error: describeStatus(status) };
  }
  const models = modelsIn(await readText(body));
  if (models !== null) return { isOk: true, status, models, error: null };
  const error = 'GET /models was answered with something that is no list of models. Is the base URL right?';
  return { isOk: false, status, models, error };
}

function describeStatus(status: number): string {
  if (status === 401 || status === 403) return `The upstream refused the key (status ${status}).`;
  if (status === 404) return 'The upstream has no /models under this base URL (status 404). Is the base URL right?';
  if (status >= 300 && status < 400) return `The upstream sent us elsewhere (status ${status}), and we do not follow.`;
  return `The upstream answered with status ${status}.`;
}

function describeFailure(error: unknown, timeoutMs: number): string {
  if (error instanceof Error && error.name === 'TimeoutError') {
    return `The upstream did not answer within ${timeoutMs / 1_000} seconds.`;
  }
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'the connection failed';
  return `The upstream could not be reached (${code}).`;
}

/** The whole body, or nothing when it is too long. */
async function readText(body: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > MAX_ANSWER_BYTES) return '';
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** The ids in OpenAI's list of models, or null when the text is none. */
function modelsIn(text: string): string[] | null {
  const list = parse(text);
  if (typeof list !== 'object' || list === null || !('data' in list) || !Array.isArray(list.data)) return null;
  const ids = list.data.map((model: unknown) => (model as { id?: unknown } | null)?.id);
  const texts = ids.filter((id) => typeof id === 'string');
  return texts.slice(0, MAX_MODELS).map((id) => id.slice(0, MAX_ID_LENGTH));
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null; // that it does not parse is the answer
  }
}
