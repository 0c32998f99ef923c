/** Uploads for specs: small files, and forms written by hand where the official client would not write such a one. */
import { setTimeout as delay } from 'node:timers/promises';
import { toFile } from 'openai';
import { expect } from 'vitest';
import type { TestServer } from './server.js';
import { until } from './until.js';

/** Much longer than a server takes to read the first bytes of a request. */
const BEGINNING_MS = 300;

/** A line that any batch of chat completions takes. */
export const LINE =
  '{"custom_id":"a","method":"POST","url":"/v1/chat/completions","body":{"model":"m","messages":[]}}\n';

export function jsonl(name = 'in.jsonl', text = LINE): Promise<File> {
  return toFile(Buffer.from(text), name);
}

export function textPart(name: string, value: string): string {
  return `Content-Disposition: form-data; name="${name}"\r\n\r\n${value}`;
}

export function filePart(text: string, filename = 'in.jsonl', name = 'file'): string {
  return [
    `Content-Disposition: form-data; name="${name}"; filename="${filename}"`,
    'Content-Type: application/octet-stream',
    '',
    text,
  ].join('\r\n');
}

/** Uploads a form of exactly these parts, with some bytes after its end. */
export function postForm(server: TestServer, parts: readonly string[]): Promise<Response> {
  const body = [...parts.map((part) => `--xyz\r\n${part}\r\n`), '--xyz--\r\nan epilogue\r\n'].join('');
  return postBody(server, 'multipart/form-data; boundary=xyz', body);
}

/** Posts anything to where uploads go. */
export function postBody(server: TestServer, type: string, body: string): Promise<Response> {
  const headers = { authorization: `Bearer ${server.adminKey}`, 'content-type': type };
  return server.fetch('/v1/files', { method: 'POST', headers, body });
}

/** The `error` of a refusal, which must look as OpenAI's do. */
export async function errorOf(response: Response): Promise<unknown> {
  expect(response.headers.get('content-type')).toBe('application/json');
  expect(response.headers.get('x-request-id')).toBeTruthy();
  const body = (await response.json()) as { error: object };
  expect(Object.keys(body)).toEqual(['error']);
  expect(Object.keys(body.error)).toEqual(['message', 'type', 'param', 'code']);
  return body.error;
}

/** Names of all files among the server's blobs, finished or not. */
export function storedBlobs(server: TestServer): Promise<string[]> {
  return server.place.storedNames();
}

/**
 * Those that were not there before. One that was may go meanwhile: what is left of an upload that breaks off goes only after
 * its answer.
 */
export async function newBlobs(server: TestServer, before: readonly string[]): Promise<string[]> {
  return (await storedBlobs(server)).filter((name) => !before.includes(name));
}

/** Until the server has begun to keep a file that was not there before; where that cannot be seen, for a while. */
export async function untilUploadBegins(server: TestServer, before: readonly string[]): Promise<void> {
  if (!server.place.showsBeginnings) await delay(BEGINNING_MS);
  else
    await until(
      () => newBlobs(server, before),
      (names) => names.length > 0,
    );
}
