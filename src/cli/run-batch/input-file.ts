/** The file with the requests: what has to be known of it beforehand, and how it is sent. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { readLines, type RawLine } from '../../kernel/json-lines.js';
import { CliError } from '../cli-error.js';
import { withModel } from './line-model.js';

export interface InputFacts {
  sha256: string;
  /** Lines that are not empty. */
  lines: number;
  /** What the first line is for; null when it does not say. */
  firstUrl: string | null;
}

/** Reads the file once. Throws CliError when it cannot be read or holds nothing. */
export async function lookInto(path: string): Promise<InputFacts> {
  const hash = createHash('sha256');
  let lines = 0;
  let firstUrl: string | null = null;
  for await (const group of linesOf(path, (chunk) => hash.update(chunk))) {
    for (const { bytes } of group) {
      if (isBlank(bytes!)) continue;
      if (lines === 0) firstUrl = urlIn(bytes!.toString('utf8'));
      lines += 1;
    }
  }
  if (lines === 0) throw new CliError(`The input ${path} has no lines. It takes one request a line, as JSON.`);
  return { sha256: hash.digest('hex'), lines, firstUrl };
}

export interface UploadForm {
  body: Readable;
  contentType: string;
}

const BOUNDARY = 'millrace-run-batch-5f1d0c7e9a3b4d68';

/** The file as a multipart form, read as it is sent. `model` is put into lines that name none; null leaves all as is. */
export function uploadForm(path: string, filename: string, model: string | null): UploadForm {
  const bytes = model === null ? (createReadStream(path) as AsyncIterable<Buffer>) : linesWithModel(path, model);
  return { body: Readable.from(form(filename, bytes)), contentType: `multipart/form-data; boundary=${BOUNDARY}` };
}

async function* form(filename: string, bytes: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const purpose = `--${BOUNDARY}\r\ncontent-disposition: form-data; name="purpose"\r\n\r\nbatch\r\n`;
  const head = `--${BOUNDARY}\r\ncontent-disposition: form-data; name="file"; filename="${filename}"\r\ncontent-type: application/jsonl\r\n\r\n`;
  yield Buffer.from(purpose + head);
  yield* bytes;
  yield Buffer.from(`\r\n--${BOUNDARY}--\r\n`);
}

async function* linesWithModel(path: string, model: string): AsyncGenerator<Buffer> {
  for await (const group of linesOf(path)) {
    yield Buffer.concat(
      group.flatMap(({ bytes, number }) => [
        isBlank(bytes!) ? bytes! : withModel(bytes!, model, number),
        Buffer.from('\n'),
      ]),
    );
  }
}

async function* linesOf(path: string, onChunk: (chunk: Buffer) => void = () => {}): AsyncGenerator<RawLine[]> {
  async function* chunks(): AsyncGenerator<Buffer> {
    for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
      onChunk(chunk);
      yield chunk;
    }
  }
  try {
    yield* readLines(chunks(), Number.POSITIVE_INFINITY);
  } catch (error) {
    const { code, syscall } = error as NodeJS.ErrnoException;
    if (syscall === undefined) throw error;
    throw new CliError(`The input ${path} cannot be read (${code}).`);
  }
}

function isBlank(bytes: Buffer): boolean {
  return bytes.toString('latin1').trim() === '';
}

/** The server says what is wrong with a line; here it only has no URL. */
function urlIn(line: string): string | null {
  try {
    const { url } = JSON.parse(line) as { url?: unknown };
    return typeof url === 'string' ? url : null;
  } catch {
    return null;
  }
}
