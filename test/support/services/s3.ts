/** The stand-in for S3, on a free port and in a folder of its own, with ways to make it fail. */
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { S3Object } from '../../../src/sim/s3-objects.js';
import { startS3, type S3Server } from '../../../src/sim/s3-server.js';
import { makeTemporaryFolder, type TemporaryFolder } from '../temporary-folder.js';

export class S3Service {
  private server: S3Server | null = null;

  private constructor(
    private readonly folder: TemporaryFolder,
    private port: number,
    private readonly pageSize: number,
  ) {}

  /** @param pageSize keys per page of a listing; small, so that tests see more than one */
  static async start(pageSize = 100): Promise<S3Service> {
    const service = new S3Service(await makeTemporaryFolder(), 0, pageSize);
    await service.up();
    return service;
  }

  /** What `MILLRACE_S3_URL` would be. */
  get url(): string {
    return this.running.url;
  }

  /** The next requests are answered with this status. `match`: method and start of the path, e.g. `GET /`. */
  failNext(status: number, times = 1, match = ''): void {
    this.running.faults.plan({ kind: 'status', status }, times, match);
  }

  /** The next requests are never answered. */
  hangNext(times = 1, match = ''): void {
    this.running.faults.plan({ kind: 'hang' }, times, match);
  }

  /** The next answers with a body break off half way. */
  cutNext(times = 1, match = 'GET /'): void {
    this.running.faults.plan({ kind: 'cut' }, times, match);
  }

  /** The next requests are obeyed, but their answers never arrive. */
  loseAnswers(times = 1, match = ''): void {
    this.running.faults.plan({ kind: 'lost_answer' }, times, match);
  }

  /** All requests since the start that begin so; see `failNext`. */
  requests(match: string): string[] {
    return this.running.requests.filter((request) => request.startsWith(match));
  }

  /** Refuses connections until `up`. */
  async down(): Promise<void> {
    await this.server?.close();
    this.server = null;
  }

  /** Again on the port and the folder that it had. */
  async up(): Promise<void> {
    this.server = await startS3({ folder: this.folder.path, port: this.port, pageSize: this.pageSize });
    this.port = this.server.port;
  }

  /** As if all objects were of long ago. Its connections are cut. */
  async age(): Promise<void> {
    await this.down();
    const objects = join(this.folder.path, 'objects');
    for (const name of await readdir(objects)) {
      const path = join(objects, name);
      const object = JSON.parse(await readFile(path, 'utf8')) as S3Object;
      await writeFile(path, JSON.stringify({ ...object, modifiedAt: 0 } satisfies S3Object));
    }
    await this.up();
  }

  /** As new. Its connections are cut. */
  async empty(): Promise<void> {
    await this.down();
    for (const name of await readdir(this.folder.path)) await rm(join(this.folder.path, name), { recursive: true });
    await this.up();
  }

  async stop(): Promise<void> {
    await this.down();
    await this.folder.remove();
  }

  private get running(): S3Server {
    if (!this.server) throw new Error('the stand-in for S3 is down');
    return this.server;
  }
}
