/** A private Redis: on a free port of the loopback interface, with its files in a folder of its own. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { CliError } from '../../cli-error.js';
import { onFreePort, RunningProgram } from '../demo-processes.js';
import { answerOf } from './answers.js';
import { findProgram } from './find-program.js';
import { LocalService, onceUp } from './local-service.js';

export interface RedisOptions {
  /** Gets its data, log and socket. Its path must be short, a socket's has 107 bytes at most. */
  folder: string;
  password?: string;
  /** Append-only file; off unless asked for, so a restart is empty. */
  aof?: boolean;
  /** More of redis.conf, e.g. `['--maxmemory', '10mb']`. */
  config?: readonly string[];
  onDeath: (error: CliError) => void;
}

export class RedisServer extends LocalService {
  private constructor(
    port: number,
    private readonly options: RedisOptions,
    program: RunningProgram,
  ) {
    super(port, program);
  }

  /** Resolves when it answers. Throws CliError that says what to install when there is no Redis on this machine. */
  static start(options: RedisOptions, signal: AbortSignal): Promise<RedisServer> {
    return onFreePort(async (port) => new RedisServer(port, options, await launch(port, options, signal)));
  }

  get url(): string {
    const { password } = this.options;
    return `redis://${password === undefined ? '' : `:${password}@`}127.0.0.1:${this.port}`;
  }

  /** Starts it again on its port; `empty` throws away what was on the disk. */
  async restart({ empty = false } = {}): Promise<void> {
    await this.kill();
    if (empty) {
      for (const name of ['appendonlydir', 'dump.rdb']) {
        rmSync(join(this.options.folder, name), { recursive: true, force: true });
      }
    }
    this.goOnWith(await launch(this.port, this.options, new AbortController().signal));
  }
}

async function launch(port: number, options: RedisOptions, signal: AbortSignal): Promise<RunningProgram> {
  const { folder, password, aof = false, config = [], onDeath } = options;
  const socket = join(folder, 'socket');
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--unixsocket', socket, '--dir', folder, '--save', ''];
  args.push('--appendonly', aof ? 'yes' : 'no', '--appendfsync', 'always', '--loglevel', 'warning');
  if (password !== undefined) args.push('--requirepass', password);
  const program = RunningProgram.start(
    {
      name: 'Redis',
      command: findProgram('redis-server', 'redis-server'),
      args: [...args, ...config],
      env: process.env,
      folder,
      logPath: join(folder, 'redis.log'),
    },
    onDeath,
  );
  return onceUp(program, () => isUp(socket), signal);
}

/** While it reads its files it says so; without its password it says no more than that it wants one. */
async function isUp(socket: string): Promise<true | null> {
  const answer = await answerOf(socket, 'PING\r\n');
  return answer !== null && /^(?:\+PONG|-NOAUTH)/.test(answer) ? true : null;
}
