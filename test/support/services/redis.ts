/** A Redis of a test's own: on a free port of loopback, in a folder of its own, gone when the test ends. */
import { Redis } from 'ioredis';
import { RedisServer, type RedisOptions } from '../../../src/cli/demo/services/redis-server.js';
import { makeTemporaryFolder, type TemporaryFolder } from '../temporary-folder.js';
import { reportDeath } from './report-death.js';

export type TestRedisOptions = Omit<RedisOptions, 'folder' | 'onDeath'>;

export class RedisService {
  private readonly clients = new Set<Redis>();

  private constructor(
    private readonly server: RedisServer,
    private readonly folder: TemporaryFolder,
  ) {}

  /** Rejects with one clear line when there is no redis-server, or it does not answer. */
  static async start(options: TestRedisOptions = {}): Promise<RedisService> {
    const folder = await makeTemporaryFolder();
    try {
      const all = { ...options, folder: folder.path, onDeath: reportDeath };
      return new RedisService(await RedisServer.start(all, new AbortController().signal), folder);
    } catch (error) {
      await folder.remove();
      throw error;
    }
  }

  get url(): string {
    return this.server.url;
  }

  get port(): number {
    return this.server.port;
  }

  get pid(): number {
    return this.server.pid;
  }

  /** A client of the test's own; closed by `stop`. */
  client(): Redis {
    const client = new Redis(this.url, { retryStrategy: () => 100, maxRetriesPerRequest: null });
    client.on('error', () => {}); // it tries again
    this.clients.add(client);
    return client;
  }

  /** See `RedisServer`. */
  kill(): Promise<void> {
    return this.server.kill();
  }

  pause(): void {
    this.server.pause();
  }

  resume(): void {
    this.server.resume();
  }

  restart(options: { empty?: boolean } = {}): Promise<void> {
    return this.server.restart(options);
  }

  async stop(): Promise<void> {
    for (const client of this.clients) client.disconnect();
    this.clients.clear();
    await this.server.kill();
    await this.folder.remove();
  }
}
