/** What can be asked of the stand-in's bucket: one method per operation of S3. Errors are thrown as S3Error. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import { S3Error } from './s3-error.js';
import { S3Objects, type S3Object } from './s3-objects.js';
import { S3Uploads } from './s3-uploads.js';
import { begunXml, completedXml, listingXml, parseParts, uploadsXml } from './s3-xml.js';

export interface S3Answer {
  status: number;
  headers: Record<string, string>;
  body: string | Readable | null;
}

export interface S3Call {
  method: string;
  /** Empty for the bucket itself. */
  key: string;
  query: URLSearchParams;
  headers: IncomingHttpHeaders;
  bytes: Buffer;
}

const XML = { 'content-type': 'application/xml' };

export class S3Bucket {
  private firsts: Promise<unknown> = Promise.resolve();

  private constructor(
    private readonly objects: S3Objects,
    private readonly uploads: S3Uploads,
    private readonly pageSize: number,
  ) {}

  /** @param pageSize keys that one page of a listing holds at most */
  static async open(folder: string, pageSize: number): Promise<S3Bucket> {
    const objects = await S3Objects.open(folder);
    return new S3Bucket(objects, await S3Uploads.open(folder, objects), pageSize);
  }

  answer(call: S3Call): Promise<S3Answer> | S3Answer {
    return call.key === '' ? this.answerBucket(call) : this.answerObject(call);
  }

  private answerBucket({ method, query }: S3Call): S3Answer {
    if (method === 'HEAD') return { status: 200, headers: {}, body: null };
    if (method !== 'GET') throw notImplemented();
    if (query.has('uploads')) {
      return { status: 200, headers: XML, body: uploadsXml(this.uploads.list(query.get('prefix') ?? '')) };
    }
    const asked = Number(query.get('max-keys') ?? this.pageSize);
    const found = this.objects.list(query.get('prefix') ?? '', query.get('continuation-token') ?? '');
    const page = found.slice(0, Math.min(asked, this.pageSize));
    const next = page.length < found.length ? page.at(-1)!.key : null;
    return { status: 200, headers: XML, body: listingXml(page, next) };
  }

  private answerObject(call: S3Call): Promise<S3Answer> {
    const { method, query } = call;
    const uploadId = query.get('uploadId');
    if (method === 'POST' && query.has('uploads')) return this.begin(call);
    if (method === 'POST' && uploadId !== null) return this.complete(call, uploadId);
    if (method === 'PUT' && uploadId !== null) return this.putPart(call, uploadId);
    if (method === 'DELETE' && uploadId !== null) return this.abort(uploadId);
    if (method === 'PUT') return this.put(call);
    if (method === 'GET' || method === 'HEAD') return this.get(call);
    if (method === 'DELETE') return this.delete(call);
    throw notImplemented();
  }

  /** Of those that want to be the first, one after the other. */
  private put(call: S3Call): Promise<S3Answer> {
    if (call.headers['if-none-match'] === undefined) return this.store(call);
    const done = this.firsts.then(() => this.store(call));
    this.firsts = done.catch(() => {}); // its own caller hears of it
    return done;
  }

  private async store({ key, headers, bytes }: S3Call): Promise<S3Answer> {
    if (headers['if-none-match'] === '*' && this.objects.get(key) !== null) throw preconditionFailed();
    const { dataId, file } = await this.objects.newData();
    await file.writeFile(bytes);
    await file.close();
    const etag = `"${createHash('md5').update(bytes).digest('hex')}"`;
    const object = { key, bytes: bytes.length, etag, modifiedAt: Date.now(), metadata: metadataOf(headers), dataId };
    await this.objects.put(object);
    return { status: 200, headers: { etag }, body: null };
  }

  private async get({ method, key, headers }: S3Call): Promise<S3Answer> {
    const object = this.objects.get(key);
    if (!object) throw new S3Error(404, 'NoSuchKey', 'The specified key does not exist.');
    const { 'if-match': wanted, range } = headers;
    if (wanted !== undefined && wanted !== object.etag) throw preconditionFailed();
    const found: Record<string, string> = {
      ...object.metadata,
      etag: object.etag,
      'last-modified': new Date(object.modifiedAt).toUTCString(),
      'accept-ranges': 'bytes',
      'content-type': 'application/octet-stream',
    };
    const { start, end } = spanOf(range, object);
    found['content-length'] = String(end - start);
    if (range !== undefined) found['content-range'] = `bytes ${start}-${end - 1}/${object.bytes}`;
    const status = range === undefined ? 200 : 206;
    if (method === 'HEAD' || start === end) return { status, headers: found, body: null };
    const file = await this.objects.openData(object);
    return { status, headers: found, body: createReadStream('', { fd: file, start, end: end - 1 }) };
  }

  private async delete({ key }: S3Call): Promise<S3Answer> {
    await this.objects.delete(key);
    return { status: 204, headers: {}, body: null };
  }

  private async begin({ key, headers }: S3Call): Promise<S3Answer> {
    const upload = await this.uploads.begin(key, metadataOf(headers), Date.now());
    return { status: 200, headers: XML, body: begunXml(upload) };
  }

  private async putPart({ query, bytes }: S3Call, uploadId: string): Promise<S3Answer> {
    const etag = await this.uploads.addPart(uploadId, Number(query.get('partNumber')), bytes);
    return { status: 200, headers: { etag: `"${etag}"` }, body: null };
  }

  private async complete({ key, bytes }: S3Call, uploadId: string): Promise<S3Answer> {
    const etag = await this.uploads.complete(uploadId, parseParts(bytes.toString()));
    return { status: 200, headers: XML, body: completedXml(key, etag) };
  }

  private async abort(uploadId: string): Promise<S3Answer> {
    await this.uploads.abort(uploadId);
    return { status: 204, headers: {}, body: null };
  }
}

/** Start and, exclusive, end of what a `Range` header asks for; only the forms `bytes=a-b` and `bytes=a-`. */
function spanOf(range: string | undefined, { bytes }: S3Object): { start: number; end: number } {
  if (range === undefined) return { start: 0, end: bytes };
  const match = /^bytes=(\d+)-(\d*)$/.exec(range);
  if (!match) throw notImplemented();
  const start = Number(match[1]);
  if (start >= bytes) throw new S3Error(416, 'InvalidRange', 'The requested range is not satisfiable');
  return { start, end: match[2] === '' ? bytes : Math.min(bytes, Number(match[2]) + 1) };
}

function metadataOf(headers: IncomingHttpHeaders): Record<string, string> {
  const entries = Object.entries(headers).filter(([name]) => name.startsWith('x-amz-meta-'));
  return Object.fromEntries(entries.map(([name, value]) => [name, String(value)]));
}

function preconditionFailed(): S3Error {
  return new S3Error(412, 'PreconditionFailed', 'At least one of the pre-conditions you specified did not hold.');
}

function notImplemented(): S3Error {
  return new S3Error(501, 'NotImplemented', 'The stand-in does not do this.');
}
