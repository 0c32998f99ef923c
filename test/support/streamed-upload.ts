/** Uploads of any size that are never in memory whole. */
import type { TestServer } from './server.js';

const HEAD =
  'Content-Disposition: form-data; name="file"; filename="in.jsonl"\r\nContent-Type: application/octet-stream';
const START = `--xyz\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n--xyz\r\n${HEAD}\r\n\r\n`;
const END = '\r\n--xyz--\r\n';

/** Uploads a file for a batch, piece by piece, in chunks and without saying how long it will be. */
export function uploadPieces(server: TestServer, pieces: Iterable<Buffer | string>): Promise<Response> {
  function* form(): Generator<Buffer> {
    yield Buffer.from(START);
    for (const piece of pieces) yield Buffer.from(piece as string);
    yield Buffer.from(END);
  }
  const headers = { authorization: `Bearer ${server.adminKey}`, 'content-type': 'multipart/form-data; boundary=xyz' };
  const body = ReadableStream.from(form());
  return server.fetch('/v1/files', { method: 'POST', headers, body, duplex: 'half' });
}

/** So many bytes of the same piece, in chunks of about 64 KiB. */
export function* repeated(piece: string, times: number): Generator<Buffer> {
  const perChunk = Math.max(1, Math.floor(65_536 / piece.length));
  const chunk = Buffer.from(piece.repeat(perChunk));
  for (let left = times; left > 0; left -= perChunk) {
    yield left >= perChunk ? chunk : Buffer.from(piece.repeat(left));
  }
}
