/** Short words for what tests do with blobs. */
import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { expect } from 'vitest';
import type { BlobStore } from '../../src/ports/blob-store.js';

/** Keeps a whole blob. */
export async function put(store: BlobStore, key: string, text: string): Promise<void> {
  await putBytes(store, key, Buffer.from(text));
}

export async function putBytes(store: BlobStore, key: string, bytes: Buffer): Promise<void> {
  const writer = await store.create(key);
  await writer.write(bytes);
  await writer.commit();
}

export async function textOf(stream: Readable): Promise<string> {
  return (await buffer(stream)).toString();
}

export async function contentOf(store: BlobStore, key: string): Promise<string> {
  return textOf(await store.read(key));
}

export async function rangeOf(store: BlobStore, key: string, start: number, length: number): Promise<string> {
  return (await store.readRange(key, start, length)).toString();
}

/** Sorted. */
export async function keysOf(store: BlobStore): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.keys()) keys.push(key);
  return keys.sort();
}

export async function expectBytes(store: BlobStore, key: string, expected: Buffer): Promise<void> {
  // Not toEqual: it would take minutes to describe the difference of two such buffers.
  expect(expected.equals(await buffer(await store.read(key)))).toBe(true);
}

/** That no way of looking finds the blob. */
export async function expectAbsent(store: BlobStore, key: string): Promise<void> {
  expect(await store.stat(key)).toBeNull();
  await expect(store.read(key)).rejects.toMatchObject({ code: 'not_found' });
  await expect(store.readRange(key, 0, 1)).rejects.toMatchObject({ code: 'not_found' });
  expect(await keysOf(store)).not.toContain(key);
}

/** Bytes that differ from place to place, so that a shifted or repeated piece shows. */
export function filledChunk(bytes: number, seed = 1): Buffer {
  const chunk = Buffer.allocUnsafe(bytes);
  let state = (seed * 2_654_435_761 + bytes) >>> 0;
  for (let at = 0; at < bytes; at += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    chunk[at] = state >>> 24;
  }
  return chunk;
}
