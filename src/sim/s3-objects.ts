/**
 * The objects of one bucket, as files of a folder: `data/<id>` holds the bytes, `objects/<hash of the key>.json` says whose
 * they are. The latter is renamed into its place, so an object is there whole or not at all, also after a kill.
 */
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm, writeFile, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';

export interface S3Object {
  key: string;
  bytes: number;
  /** With its quotes, as on the wire. */
  etag: string;
  /** Epoch ms. */
  modifiedAt: number;
  /** `x-amz-meta-…` headers by their full names. */
  metadata: Record<string, string>;
  /** Name of the file under `data/`. */
  dataId: string;
}

export class S3Objects {
  private readonly objects = new Map<string, S3Object>();

  private constructor(private readonly folder: string) {}

  static async open(folder: string): Promise<S3Objects> {
    const store = new S3Objects(folder);
    for (const part of ['data', 'objects', 'tmp']) await mkdir(join(folder, part), { recursive: true });
    for (const name of await readdir(join(folder, 'objects'))) {
      const object = JSON.parse(await readFile(join(folder, 'objects', name), 'utf8')) as S3Object;
      store.objects.set(object.key, object);
    }
    return store;
  }

  get(key: string): S3Object | null {
    return this.objects.get(key) ?? null;
  }

  /** In the order of their keys, from the first one that is greater than `after`. */
  list(prefix: string, after: string): S3Object[] {
    const keys = [...this.objects.keys()].filter((key) => key.startsWith(prefix) && key > after);
    return keys.toSorted((a, b) => (a < b ? -1 : 1)).map((key) => this.objects.get(key)!);
  }

  /** A file to write the bytes of a future object into; `put` gives it to its key. */
  async newData(): Promise<{ dataId: string; file: FileHandle }> {
    const dataId = randomUUID();
    return { dataId, file: await open(this.dataPath(dataId), 'wx') };
  }

  openData({ dataId }: S3Object): Promise<FileHandle> {
    return open(this.dataPath(dataId), 'r');
  }

  async dropData(dataId: string): Promise<void> {
    await rm(this.dataPath(dataId), { force: true });
  }

  async put(object: S3Object): Promise<void> {
    const temporaryPath = join(this.folder, 'tmp', randomUUID());
    await writeFile(temporaryPath, JSON.stringify(object));
    await rename(temporaryPath, this.entryPath(object.key));
    const replaced = this.objects.get(object.key);
    this.objects.set(object.key, object);
    if (replaced) await this.dropData(replaced.dataId);
  }

  async delete(key: string): Promise<void> {
    const object = this.objects.get(key);
    if (!object) return;
    this.objects.delete(key);
    await rm(this.entryPath(key), { force: true });
    await this.dropData(object.dataId);
  }

  private dataPath(dataId: string): string {
    return join(this.folder, 'data', dataId);
  }

  /** Hashed: a key may hold anything and be longer than a file name. */
  private entryPath(key: string): string {
    return join(this.folder, 'objects', `${createHash('sha256').update(key).digest('hex')}.json`);
  }
}
