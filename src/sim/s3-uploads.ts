/**
 * Unfinished multipart uploads of one bucket: `uploads/<id>/upload.json` says what it is to become, `uploads/<id>/<n>.<md5>`
 * is a part. They outlive the process, as S3's do, until they are completed or aborted.
 */
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { S3Error } from './s3-error.js';
import type { S3Objects } from './s3-objects.js';

/** S3's own: all parts but the last have at least this size. */
const MIN_PART_BYTES = 5 * 1024 * 1024;

export interface S3Upload {
  id: string;
  key: string;
  /** Epoch ms. */
  initiatedAt: number;
  metadata: Record<string, string>;
}

/** A part as the client names it when it completes the upload. */
export interface NamedPart {
  number: number;
  /** Without quotes. */
  etag: string;
}

export class S3Uploads {
  private readonly uploads = new Map<string, S3Upload>();

  private constructor(
    private readonly folder: string,
    private readonly objects: S3Objects,
  ) {}

  static async open(folder: string, objects: S3Objects): Promise<S3Uploads> {
    const uploads = new S3Uploads(join(folder, 'uploads'), objects);
    await mkdir(uploads.folder, { recursive: true });
    for (const id of await readdir(uploads.folder)) {
      if (id.endsWith('.new')) continue; // the process died before anybody was told of it
      const text = await readFile(join(uploads.folder, id, 'upload.json'), 'utf8');
      uploads.uploads.set(id, JSON.parse(text) as S3Upload);
    }
    return uploads;
  }

  list(prefix: string): S3Upload[] {
    return [...this.uploads.values()].filter(({ key }) => key.startsWith(prefix));
  }

  async begin(key: string, metadata: Record<string, string>, now: number): Promise<S3Upload> {
    const upload = { id: randomUUID(), key, initiatedAt: now, metadata };
    const folder = join(this.folder, upload.id);
    await mkdir(`${folder}.new`);
    await writeFile(join(`${folder}.new`, 'upload.json'), JSON.stringify(upload));
    await rename(`${folder}.new`, folder);
    this.uploads.set(upload.id, upload);
    return upload;
  }

  /** Its ETag, without quotes. A part that comes again replaces the one before. */
  async addPart(id: string, number: number, bytes: Buffer): Promise<string> {
    const { folder } = this.find(id);
    const etag = createHash('md5').update(bytes).digest('hex');
    const coming = join(folder, `${randomUUID()}.coming`); // several parts may come at once
    await writeFile(coming, bytes);
    const former = (await this.parts(folder)).get(number);
    if (former !== undefined) await rm(join(folder, former));
    await rename(coming, join(folder, `${number}.${etag}`));
    return etag;
  }

  /** Makes the object of the named parts; resolves with its ETag, with quotes. */
  async complete(id: string, named: readonly NamedPart[]): Promise<string> {
    const { upload, folder } = this.find(id);
    const parts = await this.parts(folder);
    const paths: string[] = [];
    for (const [at, { number, etag }] of named.entries()) {
      const name = parts.get(number);
      if (name !== `${number}.${etag}`) throw new S3Error(400, 'InvalidPart', `Part ${number} was not uploaded so.`);
      const path = join(folder, name);
      const isSmall = at < named.length - 1 && (await stat(path)).size < MIN_PART_BYTES;
      if (isSmall) throw new S3Error(400, 'EntityTooSmall', `Part ${number} is smaller than the minimum allowed size.`);
      paths.push(path);
    }
    const etag = await this.join(upload, paths);
    await this.abort(id);
    return etag;
  }

  async abort(id: string): Promise<void> {
    const { folder } = this.find(id);
    this.uploads.delete(id);
    await rm(folder, { recursive: true, force: true });
  }

  private async join(upload: S3Upload, paths: readonly string[]): Promise<string> {
    const { dataId, file } = await this.objects.newData();
    const hash = createHash('md5');
    let bytes = 0;
    for (const path of paths) {
      const part = await readFile(path);
      hash.update(createHash('md5').update(part).digest());
      await file.write(part);
      bytes += part.length;
    }
    await file.close();
    const etag = `"${hash.digest('hex')}-${paths.length}"`;
    // As S3 does it: the object is as old as its upload.
    const { key, metadata, initiatedAt } = upload;
    await this.objects.put({ key, bytes, etag, modifiedAt: initiatedAt, metadata, dataId });
    return etag;
  }

  private find(id: string): { upload: S3Upload; folder: string } {
    const upload = this.uploads.get(id);
    if (!upload) throw new S3Error(404, 'NoSuchUpload', 'The specified multipart upload does not exist.');
    return { upload, folder: join(this.folder, id) };
  }

  /** Names of the parts by their numbers. */
  private async parts(folder: string): Promise<Map<number, string>> {
    const names = (await readdir(folder)).filter((name) => /^\d+\.[0-9a-f]{32}$/.test(name));
    return new Map(names.map((name) => [Number(name.slice(0, name.indexOf('.'))), name]));
  }
}
