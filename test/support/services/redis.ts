/** A Redis of a test's own: on a free port of loopback, in a folder of its own, gone when the test ends. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { makeTemporaryFolder } from '../temporary-folder.js';

const START_MS = 10_000;
const STOP_MS = 5_000;
const LOOK_MS = 20;
/** Somebody else may take the free port before Redis does. */
const PORT_TRIES = 5;

export interface RedisOptions {
  password?: string;
  /** Append-only file; off unless asked for, so a restart is empty. */
  aof?: boolean;
  /** More of redis.conf, e.g. `['--maxmemory', '10mb']`. */
  config?: readonly string[];
}

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export class RedisService {
  private child: ChildProcess | null = null;
  private readonly clients = new Set<Redis>();

  private constructor(
    readonly port: number,
    private readonly folder: { path: string; remove: () => Promise<void> },
    private readonly options: RedisOptions,
  ) {}

  /** Rejects with one clear line when there is no redis-server, or it does not answer within 10 s. */
  static async start(options: RedisOptions = {}): Promise<RedisService> {
    if (spawnSync('redis-server', ['--version']).status !== 0) {
      throw new Error('redis-server is not installed; on Debian: apt-get install redis-server');
    }
    for (let tries = 1; ; tries += 1) {
      const service = new RedisService(await freePort(), await makeTemporaryFolder(), options);
      try {
        await service.launch();
        return service;
      } catch (error) {
        await service.stop();
        if (tries === PORT_TRIES) throw error;
      }
    }
  }

  get url(): string {
    const { password } = this.options;
    return `redis://${password === undefined ? '' : `:${password}@`}127.0.0.1:${this.port}`;
  }

  get pid(): number {
    return this.child!.pid!;
  }

  /** A client of the test's own; closed by `stop`. */
  client(): Redis {
    const client = new Redis(this.url, { retryStrategy: () => 100, maxRetriesPerRequest: null });
    client.on('error', () => {}); // it tries again
    this.clients.add(client);
    return client;
  }

  /** Ends at once, as in a power cut. */
  async kill(): Promise<void> {
    await this.end('SIGKILL');
  }

  /** Answers nothing until `resume`, with all its connections open. */
  pause(): void {
    this.child!.kill('SIGSTOP');
  }

  resume(): void {
    this.child!.kill('SIGCONT');
  }

  /** Starts it again on its port; `empty` throws away what was on the disk. */
  async restart({ empty = false } = {}): Promise<void> {
    await this.end('SIGKILL');
    if (empty) rmSync(join(this.folder.path, 'appendonlydir'), { recursive: true, force: true });
    if (empty) rmSync(join(this.folder.path, 'dump.rdb'), { force: true });
    await this.launch();
  }

  async stop(): Promise<void> {
    for (const client of this.clients) client.disconnect();
    this.clients.clear();
    await this.end('SIGKILL');
    await this.folder.remove();
  }

  private async launch(): Promise<void> {
    const { password, aof = false, config = [] } = this.options;
    const args = ['--port', String(this.port), '--bind', '127.0.0.1', '--dir', this.folder.path, '--save', ''];
    args.push('--appendonly', aof ? 'yes' : 'no', '--appendfsync', 'always', '--loglevel', 'warning');
    if (password !== undefined) args.push('--requirepass', password);
    const child = spawn('redis-server', [...args, ...config], { stdio: ['ignore', 'pipe', 'pipe'] });
    const printed: string[] = [];
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => printed.push(String(chunk)));
    running.add(child);
    child.once('exit', () => running.delete(child));
    this.child = child;
    await this.answering(child, printed);
  }

  private async answering(child: ChildProcess, printed: readonly string[]): Promise<void> {
    const deadline = performance.now() + START_MS;
    const client = new Redis(this.url, { lazyConnect: true, retryStrategy: () => LOOK_MS, maxRetriesPerRequest: null });
    client.on('error', () => {}); // not up yet
    try {
      const isReady = new Promise<void>((resolve) => client.once('ready', resolve));
      client.connect().catch(() => {}); // tries again
      while (client.status !== 'ready') {
        if (child.exitCode !== null) throw new Error(`redis-server ended at its start: ${printed.join('').trim()}`);
        if (performance.now() > deadline) throw new Error(`redis-server did not answer within ${START_MS} ms`);
        await Promise.race([isReady, new Promise((resolve) => setTimeout(resolve, LOOK_MS))]);
      }
    } finally {
      client.disconnect();
    }
  }

  private async end(signal: NodeJS.Signals): Promise<void> {
    const child = this.child;
    this.child = null;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill(signal);
    let timer: NodeJS.Timeout | undefined;
    const tooLong = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`redis-server ${child.pid} does not end`)), STOP_MS);
    });
    await Promise.race([ended, tooLong]).finally(() => clearTimeout(timer));
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
