/**
 * A small stand-in for an S3 server, for demos and tests: one bucket, path style, kept in a folder and there again after a
 * restart. It looks at the access key of a request but not at its signature. Bodies are held in memory, so a client that
 * sends a whole large file in one request is none that it is made for.
 */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Readable } from 'node:stream';
import { S3Bucket, type S3Answer } from './s3-bucket.js';
import { S3Error } from './s3-error.js';
import { S3Faults } from './s3-faults.js';
import { errorXml } from './s3-xml.js';

export interface S3ServerOptions {
  /** Where the objects are kept; made when it is not there. */
  folder: string;
  host?: string;
  /** 0: a free one. */
  port?: number;
  bucket?: string;
  /** Keys per page of a listing; S3's is 1,000. */
  pageSize?: number;
}

export interface S3Server {
  /** With its credentials and the bucket, as a client of ours wants it. */
  url: string;
  port: number;
  faults: S3Faults;
  /** Every request since the start: method and path with query. */
  requests: string[];
  /** Cuts every connection and frees the port. */
  close(): Promise<void>;
}

export const S3_ACCESS_KEY = 'millrace';
export const S3_SECRET_KEY = 'millrace-secret';

export async function startS3(options: S3ServerOptions): Promise<S3Server> {
  const { folder, host = '127.0.0.1', port = 0, bucket = 'millrace', pageSize = 1_000 } = options;
  const faults = new S3Faults();
  const requests: string[] = [];
  const handler = new Handler(await S3Bucket.open(folder, pageSize), bucket, faults, requests);
  const server = createServer((request, response) => void handler.handle(request, response));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port }, resolve);
  });
  const taken = (server.address() as AddressInfo).port;
  return {
    url: `http://${S3_ACCESS_KEY}:${S3_SECRET_KEY}@${host}:${taken}/${bucket}`,
    port: taken,
    faults,
    requests,
    close: () =>
      new Promise((resolve, reject) => {
        server.close((error) => (error ? reject(error) : resolve()));
        server.closeAllConnections();
      }),
  };
}

class Handler {
  constructor(
    private readonly bucket: S3Bucket,
    private readonly bucketName: string,
    private readonly faults: S3Faults,
    private readonly requests: string[],
  ) {}

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const asked = `${request.method} ${request.url}`;
    this.requests.push(asked);
    const fault = this.faults.next(asked);
    try {
      const bytes = await bodyOf(request);
      if (fault?.kind === 'hang') return;
      if (fault?.kind === 'status') throw new S3Error(fault.status, 'Fault', 'The test wants it so.');
      const answer = await this.answer(request, bytes);
      if (fault?.kind === 'lost_answer') request.socket.destroy();
      else await send(response, answer, fault?.kind === 'cut');
    } catch (error) {
      if (request.destroyed && !request.complete) return; // the client left before its request was whole
      const known = error instanceof S3Error ? error : new S3Error(500, 'InternalError', String(error));
      await send(response, { status: known.status, headers: {}, body: errorXml(known) }, false);
    }
  }

  private answer(request: IncomingMessage, bytes: Buffer): Promise<S3Answer> | S3Answer {
    const { pathname, searchParams } = new URL(request.url!, 'http://s3');
    const [, bucket = '', ...rest] = decodeURIComponent(pathname).split('/');
    checkAccess(request);
    checkBody(request, bytes);
    if (bucket !== this.bucketName) throw new S3Error(404, 'NoSuchBucket', 'The specified bucket does not exist.');
    const { method, headers } = request;
    return this.bucket.answer({ method: method!, key: rest.join('/'), query: searchParams, headers, bytes });
  }
}

function checkAccess({ headers }: IncomingMessage): void {
  if (headers.authorization?.includes(`Credential=${S3_ACCESS_KEY}/`)) return;
  throw new S3Error(403, 'InvalidAccessKeyId', 'The access key you provided does not exist in our records.');
}

/** Over plain HTTP the client signs the hash of its body. */
function checkBody({ headers }: IncomingMessage, bytes: Buffer): void {
  const signed = String(headers['x-amz-content-sha256'] ?? '');
  if (signed.startsWith('STREAMING-'))
    throw new S3Error(501, 'NotImplemented', 'The stand-in takes no chunked bodies.');
  const isHash = /^[0-9a-f]{64}$/.test(signed);
  if (!isHash || createHash('sha256').update(bytes).digest('hex') === signed) return;
  throw new S3Error(400, 'XAmzContentSHA256Mismatch', 'The provided hash does not match what was computed.');
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

async function send(response: ServerResponse, { status, headers, body }: S3Answer, isCut: boolean): Promise<void> {
  response.writeHead(
    status,
    typeof body === 'string' ? { ...headers, 'content-length': Buffer.byteLength(body) } : headers,
  );
  if (body === null || typeof body === 'string') {
    response.end(response.req.method === 'HEAD' ? undefined : body);
    return;
  }
  const limit = isCut ? Math.floor(Number(headers['content-length']) / 2) : Number.POSITIVE_INFINITY;
  await pour(body, response, limit);
}

/** Sends at most `limit` bytes; a limit that strikes cuts the connection. */
async function pour(body: Readable, response: ServerResponse, limit: number): Promise<void> {
  const closed = new Promise((resolve) => response.once('close', resolve));
  let left = limit;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    if (response.destroyed) return;
    const piece = chunk.subarray(0, left);
    left -= piece.length;
    const isTaken = response.write(piece);
    if (left === 0) {
      // What was sent is to arrive before the end does.
      response.socket?.end();
      return;
    }
    if (!isTaken) await Promise.race([closed, new Promise((resolve) => response.once('drain', resolve))]);
  }
  response.end();
}
